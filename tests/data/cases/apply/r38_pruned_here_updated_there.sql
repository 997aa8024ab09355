-- A host prunes these tables for all mailboxes (facts, section 2): an update there may be of a row that's gone here.
-- S
REPLACE INTO zimbra.out_of_office VALUES (7,'a@example.com','2024-01-01 10:00:00'),(7,'b@example.com','2024-01-01 11:00:00');
INSERT INTO zimbra.scheduled_task VALUES ('reminder','7:257',7,'2024-01-01 10:00:00',1000,'d1:ae'),('reminder','7:258',7,NULL,NULL,NULL);
INSERT INTO zimbra.pending_acl_push VALUES (7,257,1),(7,258,1);
INSERT INTO zimbra.volume_blobs(volume_id,mailbox_id,item_id,revision,blob_digest) VALUES (1,7,257,0,'abc'),(1,7,258,0,NULL);
-- sync
-- D
DELETE FROM zimbra.out_of_office WHERE mailbox_id=3 AND sent_to='a@example.com';
DELETE FROM zimbra.scheduled_task WHERE mailbox_id=3 AND name='7:257';
DELETE FROM zimbra.pending_acl_push WHERE mailbox_id=3 AND item_id=257;
DELETE FROM zimbra.volume_blobs WHERE mailbox_id=3 AND item_id=257;
-- S
REPLACE INTO zimbra.out_of_office VALUES (7,'a@example.com','2024-01-08 10:00:00'),(7,'b@example.com','2024-01-08 11:00:00');
UPDATE zimbra.scheduled_task SET exec_time='2024-01-08 10:00:00' WHERE mailbox_id=7;
UPDATE zimbra.pending_acl_push SET date=2 WHERE mailbox_id=7;
UPDATE zimbra.volume_blobs SET processed=1 WHERE mailbox_id=7;
UPDATE zimbra.volume_blobs SET processed=0 WHERE mailbox_id=7 AND item_id=257;
UPDATE zimbra.volume_blobs SET processed=1 WHERE mailbox_id=7 AND item_id=257;
-- sync
