-- Case A01: unique values move between rows; legal step by step only.
-- S
INSERT INTO mail_item(mailbox_id,id,type,folder_id,parent_id,date,size,name,mod_metadata,mod_content) VALUES
 (7,300,1,1,1,0,0,'X',1,1),(7,301,1,1,1,0,0,'Y',1,1),(7,302,1,1,1,0,0,'Z',1,1);
START TRANSACTION;
UPDATE mail_item SET name='third' WHERE mailbox_id=7 AND id=300;
UPDATE mail_item SET name='X' WHERE mailbox_id=7 AND id=301;
UPDATE mail_item SET name='Y' WHERE mailbox_id=7 AND id=300;
COMMIT;
START TRANSACTION;
UPDATE mail_item SET name='third' WHERE mailbox_id=7 AND id=302;
UPDATE mail_item SET name='Z' WHERE mailbox_id=7 AND id=301;
UPDATE mail_item SET name='X' WHERE mailbox_id=7 AND id=302;
COMMIT;
DELETE FROM mail_item WHERE mailbox_id=7 AND id=302;
INSERT INTO mail_item(mailbox_id,id,type,folder_id,parent_id,date,size,name,mod_metadata,mod_content) VALUES
 (7,303,1,1,1,0,0,'x',1,1);
START TRANSACTION;
DELETE FROM mail_item WHERE mailbox_id=7 AND id=303;
INSERT INTO mail_item(mailbox_id,id,type,folder_id,parent_id,date,size,name,mod_metadata,mod_content) VALUES
 (7,304,1,1,1,0,0,'X',1,1);
UPDATE mail_item SET folder_id=2 WHERE mailbox_id=7 AND id=301;
UPDATE mail_item SET name='Z' WHERE mailbox_id=7 AND id=304;
COMMIT;
-- sync
-- S
INSERT INTO tag(mailbox_id,id,name,sequence) VALUES (7,65,'Red',1),(7,66,'Green',1);
UPDATE tag SET id=id+1 WHERE mailbox_id=7 AND id>=65 ORDER BY id DESC;
START TRANSACTION;
UPDATE tag SET name='tmp' WHERE mailbox_id=7 AND id=66;
UPDATE tag SET name='Red' WHERE mailbox_id=7 AND id=67;
UPDATE tag SET name='Green' WHERE mailbox_id=7 AND id=66;
COMMIT;
-- sync
