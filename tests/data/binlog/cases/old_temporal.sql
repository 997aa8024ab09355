-- Columns in the temporal format from before 10.1 (T09).
SET GLOBAL mysql56_temporal_format=OFF;
CREATE TABLE old_times (mailbox_id INT UNSIGNED NOT NULL, n INT NOT NULL, a DATETIME(6), b TIMESTAMP(3) NULL, c TIME(2), PRIMARY KEY (mailbox_id, n));
SET GLOBAL mysql56_temporal_format=ON;
INSERT INTO old_times VALUES (7,1,'2024-05-06 07:08:09.123456','2024-05-06 07:08:09.123','-10:11:12.13');
CREATE TABLE item (mailbox_id INT UNSIGNED NOT NULL, n INT NOT NULL, PRIMARY KEY (mailbox_id, n));
INSERT INTO item VALUES (7,1);
SET GLOBAL binlog_row_metadata=MINIMAL;
INSERT INTO item VALUES (7,2);
