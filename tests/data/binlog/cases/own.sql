-- Our own tables: role rows (R11), the applier's mark (R36); and the registry.
CREATE DATABASE understudy;
CREATE TABLE understudy.role (account_id VARCHAR(64) PRIMARY KEY, term BIGINT UNSIGNED NOT NULL, role VARCHAR(16) NOT NULL, decision BIGINT NOT NULL) DEFAULT CHARSET utf8mb4;
CREATE TABLE understudy.replica (account_id VARCHAR(64) PRIMARY KEY, sequence BIGINT UNSIGNED NOT NULL);
CREATE TABLE understudy.probe (id INT PRIMARY KEY, beat BIGINT UNSIGNED NOT NULL);
CREATE TABLE item (mailbox_id INT UNSIGNED NOT NULL, n INT NOT NULL, PRIMARY KEY (mailbox_id, n));
CREATE TABLE zimbra.mailbox (id INT UNSIGNED NOT NULL PRIMARY KEY, group_id INT UNSIGNED NOT NULL, account_id VARCHAR(127) NOT NULL, size_checkpoint BIGINT UNSIGNED NOT NULL DEFAULT 0, comment VARCHAR(255), UNIQUE KEY (account_id)) DEFAULT CHARSET utf8mb3;
INSERT INTO zimbra.mailbox VALUES (7, 7, 'aaaa-1', 0, 'a@example.com');
INSERT INTO understudy.role VALUES ('aaaa-1', 18446744073709551615, 'primary', 42);
UPDATE understudy.role SET role='replica', term=3, decision=43;
INSERT INTO understudy.probe VALUES (1, 1);
INSERT INTO understudy.replica VALUES ('bbbb-2', 0);
BEGIN; UPDATE understudy.replica SET sequence=1; INSERT INTO item VALUES (8,1); INSERT INTO zimbra.mailbox VALUES (8, 8, 'bbbb-2', 0, 'b@example.com'); COMMIT;
BEGIN; INSERT INTO item VALUES (8,2); UPDATE understudy.replica SET sequence=2; COMMIT;
UPDATE zimbra.mailbox SET size_checkpoint=100 WHERE id=7;
DELETE FROM zimbra.mailbox WHERE id=7;
