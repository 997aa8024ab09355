-- Keys and changed columns: BINARY padding (T03), prefix keys, unique keys that stand for a primary key, none.
CREATE TABLE padded (mailbox_id INT UNSIGNED, k BINARY(16), c CHAR(5) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin, v INT, PRIMARY KEY (mailbox_id, k));
INSERT INTO padded VALUES (7, x'00112233445566778899AABBCCDDEE00', 'ja', 1), (7, x'00', '', 2);
UPDATE padded SET v=3 WHERE k=x'00112233445566778899AABBCCDDEE00';
DELETE FROM padded WHERE k=x'00000000000000000000000000000000';
CREATE TABLE uniq (mailbox_id INT UNSIGNED NOT NULL, tag_id INT NOT NULL, item_id INT UNSIGNED NOT NULL, UNIQUE INDEX (mailbox_id, tag_id, item_id));
INSERT INTO uniq VALUES (7, -5, 300);
DELETE FROM uniq;
CREATE TABLE prefixed (mailbox_id INT UNSIGNED NOT NULL, name VARCHAR(100) NOT NULL, v INT, PRIMARY KEY (mailbox_id, name(5)));
INSERT INTO prefixed VALUES (7, 'long name', 1);
UPDATE prefixed SET v=2;
CREATE TABLE tombstone (mailbox_id INT UNSIGNED NOT NULL, sequence INT UNSIGNED NOT NULL, type TINYINT NOT NULL, ids TEXT);
INSERT INTO tombstone VALUES (7, 1, 2, NULL), (7, 1, 2, NULL);
UPDATE tombstone SET ids='1' LIMIT 1;
DELETE FROM tombstone LIMIT 1;
CREATE TABLE nullable (mailbox_id INT UNSIGNED, v INT, UNIQUE KEY (mailbox_id, v));
INSERT INTO nullable VALUES (7, NULL), (7, NULL), (NULL, 3);
-- "changed" is by bytes: a case-blind collation must not hide a change; a row moves to another mailbox
CREATE TABLE folded (mailbox_id INT UNSIGNED NOT NULL, n INT NOT NULL, name VARCHAR(20) CHARACTER SET utf8mb3, group_id INT, PRIMARY KEY (mailbox_id, n));
INSERT INTO folded VALUES (7, 1, 'name', 1), (8, 2, 'other', 1);
UPDATE folded SET name='NAME' WHERE n=1;
UPDATE folded SET group_id=5 WHERE n=1;
UPDATE folded SET mailbox_id=8, name='moved' WHERE n=1;
SET foreign_key_checks=0, unique_checks=0;
DELETE FROM folded;
