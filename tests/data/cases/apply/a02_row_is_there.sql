-- Case A02: a row in the way is found, named, and left as it is.
-- S
UPDATE mail_item SET unread=unread WHERE mailbox_id=7 AND id=2;
-- sync
-- D
INSERT INTO mail_item(mailbox_id,id,type,folder_id,parent_id,date,size,name,mod_metadata,mod_content) VALUES
 (3,900,1,1,1,0,0,'Reports',1,1);
-- S
INSERT INTO mail_item(mailbox_id,id,type,folder_id,parent_id,date,size,name,mod_metadata,mod_content) VALUES
 (7,300,1,1,1,0,0,'Reports',1,1);
-- stops i_name_folder_id
