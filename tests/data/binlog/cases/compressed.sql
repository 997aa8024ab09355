-- log_bin_compress (B04): row events of 5 B, 1 KB, 500 KB, and a statement.
SET GLOBAL log_bin_compress=ON, log_bin_compress_min_len=10;
CREATE TABLE blobs (mailbox_id INT UNSIGNED NOT NULL, n INT NOT NULL, filler_so_that_the_statement_is_worth_compressing_at_all VARCHAR(100), v MEDIUMTEXT CHARACTER SET utf8mb4, PRIMARY KEY (mailbox_id, n));
INSERT INTO blobs VALUES (7,1,NULL,'12345'), (7,2,'x',REPEAT('abcd',256)), (7,3,'y',REPEAT('0123456789',50000)), (7,4,NULL,'gone');
UPDATE blobs SET v=CONCAT('changed ', v) WHERE n=2;
DELETE FROM blobs WHERE n=4;
SET GLOBAL log_bin_compress=OFF;
