-- Case A10: whole images, NULL-safe, byte-exact, one row each.
-- both
CREATE TABLE keyless(mailbox_id INT UNSIGNED NOT NULL, f FLOAT, d DOUBLE, j JSON, t MEDIUMTEXT, b BLOB,
 e ENUM('a','b',''), s SET('x','y'), bits BIT(9), at DATETIME(3), ts TIMESTAMP(6) NULL, n DECIMAL(20,5), KEY(mailbox_id));
-- S
INSERT INTO tombstone VALUES (7,1,5,5,'1,2'),(7,1,5,5,'1,2'),(7,1,5,5,'1,2'),(7,1,5,5,'A'),(7,1,5,5,'a'),(7,1,5,5,'a '),
 (7,1,5,NULL,'n'),(7,1,5,NULL,'n'),(7,1,5,NULL,NULL),(7,2,6,1,'u'),(7,2,6,1,'u');
DELETE FROM tombstone WHERE mailbox_id=7 AND ids='1,2' LIMIT 1;
DELETE FROM tombstone WHERE mailbox_id=7 AND ids=BINARY 'a' LIMIT 1;
DELETE FROM tombstone WHERE mailbox_id=7 AND ids IS NULL LIMIT 1;
DELETE FROM tombstone WHERE mailbox_id=7 AND ids='n' LIMIT 1;
UPDATE tombstone SET type=9 WHERE mailbox_id=7 AND ids='u' LIMIT 1;
DELETE FROM tombstone WHERE mailbox_id=7 AND type=9;
INSERT INTO event VALUES (7,'acc',1,2,1,99,NULL,'agent','x'),(7,'acc',1,2,1,99,NULL,'agent','X');
DELETE FROM event WHERE mailbox_id=7 AND arg=BINARY 'X';
-- sync
-- S
SET time_zone='+02:00';
INSERT INTO keyless VALUES (7,0.1,0.1,'{"a": 1}',REPEAT('text',20000),x'00ff','b','x,y',257,'2024-02-29 12:00:00.125','2024-01-01 00:00:00.000001',-0.00001),
 (7,1e-38,5e-324,NULL,'',NULL,'','',0,'0000-00-00 00:00:00',NULL,1234567890.12345),
 (7,3.4e38,-1.7976931348623157e308,NULL,NULL,x'','a',NULL,511,NULL,'1970-01-01 02:00:01',NULL);
DELETE FROM keyless WHERE mailbox_id=7 AND bits=257;
UPDATE keyless SET f=0.3 WHERE mailbox_id=7 AND bits=0;
DELETE FROM keyless WHERE mailbox_id=7 AND bits=511;
-- sync
