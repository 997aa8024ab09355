-- Case A02: an update that finds no row isn't success.
-- S
INSERT INTO mail_item(mailbox_id,id,type,folder_id,parent_id,date,size,mod_metadata,mod_content) VALUES
 (7,300,5,2,NULL,0,10,1,1);
-- sync
-- D
DELETE FROM mail_item WHERE mailbox_id=3 AND id=300;
-- S
UPDATE mail_item SET flags=1 WHERE mailbox_id=7 AND id=300;
-- stops the row isn't there
