-- MariaDB keeps a hash of the text in a column of its own, which it shows in the binlog alone.
-- both
CREATE TABLE noted(mailbox_id INT UNSIGNED NOT NULL, id INT, note TEXT, PRIMARY KEY(mailbox_id,id),
 UNIQUE(mailbox_id,note));
-- S
INSERT INTO noted VALUES (7,1,'a'),(7,2,'b'),(7,3,NULL);
START TRANSACTION;
UPDATE noted SET note='third' WHERE mailbox_id=7 AND id=1;
UPDATE noted SET note='a' WHERE mailbox_id=7 AND id=2;
UPDATE noted SET note='b' WHERE mailbox_id=7 AND id=1;
COMMIT;
DELETE FROM noted WHERE mailbox_id=7 AND id=3;
REPLACE INTO noted VALUES (7,4,'A');
-- sync
