-- Schema changes by gh-ost and pt-online-schema-change (M04): a shadow table filled in chunks while the account
-- commits, kept up by the tool or by triggers, then swapped in by RENAME.
CREATE TABLE mail_item (mailbox_id INT UNSIGNED NOT NULL, id INT UNSIGNED NOT NULL, name VARCHAR(20), PRIMARY KEY (mailbox_id, id));
INSERT INTO mail_item VALUES (7,1,'one'), (7,2,'two'), (7,3,'three');
CREATE TABLE _mail_item_gho LIKE mail_item;
ALTER TABLE _mail_item_gho ADD COLUMN x INT NOT NULL DEFAULT 9 AFTER mailbox_id;
INSERT IGNORE INTO _mail_item_gho (mailbox_id, id, name) SELECT * FROM mail_item WHERE id <= 2 LOCK IN SHARE MODE;
INSERT INTO mail_item VALUES (7,4,'four');
UPDATE mail_item SET name='TWO' WHERE id=2;
REPLACE INTO _mail_item_gho (mailbox_id, id, name) VALUES (7,2,'TWO');
DELETE FROM mail_item WHERE id=1;
DELETE FROM _mail_item_gho WHERE id=1;
INSERT IGNORE INTO _mail_item_gho (mailbox_id, id, name) SELECT * FROM mail_item WHERE id > 2 LOCK IN SHARE MODE;
RENAME TABLE mail_item TO _mail_item_del, _mail_item_gho TO mail_item;
INSERT INTO mail_item VALUES (7,10,5,'five');
DROP TABLE _mail_item_del;
CREATE TABLE _mail_item_new LIKE mail_item;
ALTER TABLE _mail_item_new ADD COLUMN y INT NOT NULL DEFAULT 8;
CREATE TRIGGER pt_osc_ins AFTER INSERT ON mail_item FOR EACH ROW REPLACE INTO _mail_item_new (mailbox_id, x, id, name) VALUES (NEW.mailbox_id, NEW.x, NEW.id, NEW.name);
CREATE TRIGGER pt_osc_upd AFTER UPDATE ON mail_item FOR EACH ROW REPLACE INTO _mail_item_new (mailbox_id, x, id, name) VALUES (NEW.mailbox_id, NEW.x, NEW.id, NEW.name);
CREATE TRIGGER pt_osc_del AFTER DELETE ON mail_item FOR EACH ROW DELETE IGNORE FROM _mail_item_new WHERE mailbox_id = OLD.mailbox_id AND id = OLD.id;
INSERT INTO mail_item VALUES (7,10,6,'six');
UPDATE mail_item SET name='FIVE' WHERE id=5;
DELETE FROM mail_item WHERE id=3;
INSERT IGNORE INTO _mail_item_new (mailbox_id, x, id, name) SELECT mailbox_id, x, id, name FROM mail_item LOCK IN SHARE MODE;
RENAME TABLE mail_item TO _mail_item_old, _mail_item_new TO mail_item;
DROP TABLE _mail_item_old;
INSERT INTO mail_item VALUES (7,10,7,'seven',12);
