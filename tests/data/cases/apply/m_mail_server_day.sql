-- What the mail server writes (facts, section 2): deliveries in a thread, flags, moves, deletes, counters.
-- S
START TRANSACTION;
INSERT INTO mail_item(mailbox_id,id,type,folder_id,parent_id,index_id,date,size,locator,unread,flags,tag_names,subject,metadata,mod_metadata,mod_content) VALUES (7,257,5,2,NULL,0,100,1000,'1',1,0,NULL,'hello','d1:v1:1e',10,10);
INSERT INTO tagged_item SELECT mailbox_id,id,257 FROM tag WHERE mailbox_id=7 AND id=-10;
REPLACE INTO open_conversation VALUES (7,'h1',257),(7,'h2',257);
UPDATE zimbra.mailbox SET item_id_checkpoint=260,size_checkpoint=1000,change_checkpoint=100,new_messages=1 WHERE id=7;
UPDATE mail_item SET size=1000,unread=1,mod_metadata=10 WHERE mailbox_id=7 AND id=2;
COMMIT;
START TRANSACTION;
INSERT INTO mail_item(mailbox_id,id,type,folder_id,parent_id,index_id,date,size,locator,unread,flags,subject,metadata,mod_metadata,mod_content) VALUES (7,258,5,2,NULL,0,101,2000,'1',1,0,'re: hello','d1:v1:1e',11,11);
INSERT INTO mail_item(mailbox_id,id,type,folder_id,parent_id,index_id,date,size,unread,flags,subject,metadata,mod_metadata,mod_content) VALUES (7,259,4,1,NULL,0,101,2,2,0,'hello','d1:n2:2e',11,11);
UPDATE mail_item SET parent_id=259,mod_metadata=11 WHERE mailbox_id=7 AND id IN (257,258);
REPLACE INTO open_conversation VALUES (7,'h1',259),(7,'h3',258);
UPDATE zimbra.mailbox SET size_checkpoint=3000,new_messages=2 WHERE id=7;
UPDATE mail_item SET size=3000,unread=2,mod_metadata=11 WHERE mailbox_id=7 AND id=2;
COMMIT;
START TRANSACTION;
UPDATE mail_item SET unread=0,mod_metadata=12 WHERE mailbox_id=7 AND id=257;
DELETE FROM tagged_item WHERE mailbox_id=7 AND tag_id=-10 AND item_id=257;
UPDATE mail_item SET unread=1,mod_metadata=12 WHERE mailbox_id=7 AND id=2;
COMMIT;
START TRANSACTION;
UPDATE mail_item SET folder_id=3,prev_folders='12:2',index_id=0,mod_metadata=13 WHERE mailbox_id=7 AND id=258;
UPDATE mail_item SET size=1000 WHERE mailbox_id=7 AND id=2;
UPDATE mail_item SET size=2000 WHERE mailbox_id=7 AND id=3;
COMMIT;
UPDATE mail_item SET index_id=id WHERE mailbox_id=7 AND id IN (257,258);
REPLACE INTO zimbra.mailbox_metadata VALUES (7,'zwc:implicit','d1:ae');
REPLACE INTO zimbra.mailbox_metadata VALUES (7,'zwc:implicit','d1:be');
REPLACE INTO zimbra.out_of_office VALUES (7,'a@example.com','2024-01-01 10:00:00');
INSERT INTO appointment VALUES (7,'uid-B',257,'2024-01-01 10:00:00',NULL),(7,'uid-a',258,'0001-01-01 00:00:00','2024-01-01 11:00:00');
REPLACE INTO appointment VALUES (7,'uid-a',258,'2024-01-02 10:00:00',NULL);
START TRANSACTION;
DELETE FROM mail_item WHERE mailbox_id=7 AND id IN (258);
INSERT INTO tombstone VALUES (7,14,102,5,'258');
UPDATE mail_item SET size=1,unread=0,metadata='d1:n1:1e' WHERE mailbox_id=7 AND id=259;
UPDATE mail_item SET size=0 WHERE mailbox_id=7 AND id=3;
COMMIT;
UPDATE zimbra.mailbox SET comment='renamed@example.com' WHERE id=7;
-- sync
-- D
DELETE FROM zimbra.out_of_office WHERE mailbox_id=3;
-- S
UPDATE zimbra.out_of_office SET sent_on='2024-01-02 10:00:00' WHERE mailbox_id=7;
DELETE FROM zimbra.out_of_office WHERE mailbox_id=7;
INSERT INTO zimbra.volume_blobs(volume_id,mailbox_id,item_id,revision,blob_digest) VALUES (1,7,257,0,'abc');
-- sync
-- D
UPDATE zimbra.volume_blobs SET processed=1 WHERE mailbox_id=3;
-- S
TRUNCATE zimbra.volume_blobs;
INSERT INTO zimbra.volume_blobs(volume_id,mailbox_id,item_id,revision,blob_digest) VALUES (1,7,257,0,'abc');
-- sync
