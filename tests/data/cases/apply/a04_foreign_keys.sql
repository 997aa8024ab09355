-- Case A04: cascades happen exactly where they did on the source.
-- S
INSERT INTO mail_item(mailbox_id,id,type,folder_id,parent_id,date,size,mod_metadata,mod_content) VALUES
 (7,300,5,2,NULL,0,10,1,1),(7,301,5,2,NULL,0,10,1,1),(7,302,5,2,NULL,0,10,1,1);
INSERT INTO tagged_item VALUES (7,64,300),(7,64,301),(7,-10,301),(7,64,302);
INSERT INTO open_conversation VALUES (7,'hash-a',300),(7,'hash-b',301),(7,'hash-c',302);
SET foreign_key_checks=0;
DELETE FROM mail_item WHERE mailbox_id=7 AND id=300;
SET foreign_key_checks=1;
DELETE FROM mail_item WHERE mailbox_id=7 AND id=301;
-- sync
-- S
INSERT INTO open_conversation VALUES (7,'hash-b',302);
SET foreign_key_checks=0;
START TRANSACTION;
INSERT INTO tagged_item VALUES (7,64,310);
INSERT INTO mail_item(mailbox_id,id,type,folder_id,parent_id,date,size,mod_metadata,mod_content) VALUES
 (7,310,5,2,NULL,0,10,1,1);
COMMIT;
START TRANSACTION;
DELETE FROM mail_item WHERE mailbox_id=7 AND id=302;
SET foreign_key_checks=1;
DELETE FROM mail_item WHERE mailbox_id=7 AND id=310;
INSERT INTO mail_item(mailbox_id,id,type,folder_id,parent_id,date,size,mod_metadata,mod_content) VALUES
 (7,310,5,2,NULL,0,11,1,1);
INSERT INTO tagged_item VALUES (7,64,310);
SET foreign_key_checks=0;
INSERT INTO mail_item(mailbox_id,id,type,folder_id,parent_id,date,size,mod_metadata,mod_content) VALUES
 (7,311,5,2,310,0,11,1,1);
SET foreign_key_checks=1;
COMMIT;
-- sync
-- S
INSERT INTO mail_item(mailbox_id,id,type,folder_id,parent_id,date,size,name,mod_metadata,mod_content) VALUES
 (7,320,1,1,1,0,0,'A',1,1);
INSERT INTO mail_item(mailbox_id,id,type,folder_id,parent_id,date,size,name,mod_metadata,mod_content) VALUES
 (7,321,1,320,320,0,0,'B',1,1);
UPDATE mail_item SET folder_id=2, parent_id=2 WHERE mailbox_id=7 AND id=321;
DELETE FROM mail_item WHERE mailbox_id=7 AND id=320;
-- Messages of a conversation, then the conversation, which has a lower id than its last message.
INSERT INTO mail_item(mailbox_id,id,type,folder_id,parent_id,date,size,mod_metadata,mod_content) VALUES
 (7,330,4,2,NULL,0,0,1,1),(7,331,5,2,330,0,0,1,1),(7,332,5,2,330,0,0,1,1);
START TRANSACTION;
DELETE FROM mail_item WHERE mailbox_id=7 AND id IN (331,332);
DELETE FROM mail_item WHERE mailbox_id=7 AND id=330;
COMMIT;
DELETE FROM tag WHERE mailbox_id=7 AND id=64;
-- sync
-- S
SET foreign_key_checks=0;
DELETE FROM tagged_item WHERE mailbox_id=7;
DELETE FROM mail_item WHERE mailbox_id=7;
SET foreign_key_checks=1;
-- sync
