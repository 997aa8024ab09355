-- Cases T02 to T07: every type at its limits, as a value and as a key; then again through a compressed binlog (B04).
-- both
SET @members=(SELECT GROUP_CONCAT(QUOTE(ELT(LEAST(seq,6),'m1','a,b','it''s','ümläut','',CONCAT('m',seq))) ORDER BY seq) FROM seq_1_to_300);
SET @bits=(SELECT GROUP_CONCAT(QUOTE(CONCAT('s',seq)) ORDER BY seq) FROM seq_1_to_64);
EXECUTE IMMEDIATE CONCAT('CREATE TABLE members(mailbox_id INT UNSIGNED NOT NULL, k INT NOT NULL, e ENUM(',@members,'), s SET(',@bits,'), PRIMARY KEY(mailbox_id,k)) CHARACTER SET utf8mb4');
EXECUTE IMMEDIATE CONCAT('CREATE TABLE members_as_key(mailbox_id INT UNSIGNED NOT NULL, s SET(',@bits,') CHARACTER SET latin1, e ENUM(',@members,') CHARACTER SET utf8mb4, n INT, PRIMARY KEY(mailbox_id,s,e))');
EXECUTE IMMEDIATE CONCAT('CREATE TABLE members_without_key(mailbox_id INT UNSIGNED NOT NULL, s SET(',@bits,'), e ENUM(',@members,'), KEY(mailbox_id)) CHARACTER SET utf8mb4');
CREATE TABLE numbers(mailbox_id INT UNSIGNED NOT NULL, k BIGINT UNSIGNED NOT NULL, t TINYINT UNSIGNED, s SMALLINT UNSIGNED, m MEDIUMINT UNSIGNED, i INT UNSIGNED,
 ts TINYINT, ss SMALLINT, ms MEDIUMINT, `is` INT, bs BIGINT, b1 BIT(1), b9 BIT(9), b64 BIT(64), n DECIMAL(65,30), z DECIMAL(10,2) ZEROFILL, f FLOAT, d DOUBLE, y YEAR, PRIMARY KEY(mailbox_id,k));
CREATE TABLE padded(mailbox_id INT UNSIGNED NOT NULL, k BINARY(16), c CHAR(5) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin, PRIMARY KEY(mailbox_id,k));
CREATE TABLE times(mailbox_id INT UNSIGNED NOT NULL, k DECIMAL(11,4) NOT NULL, t0 TIME, t2 TIME(2), t6 TIME(6), dt DATETIME, d6 DATETIME(6), ts TIMESTAMP NULL, t3 TIMESTAMP(3) NULL, d DATE, PRIMARY KEY(mailbox_id,k));
CREATE TABLE texts(mailbox_id INT UNSIGNED NOT NULL, k VARCHAR(100) CHARACTER SET latin1 COLLATE latin1_general_cs NOT NULL, l VARCHAR(300) CHARACTER SET latin1, u3 TEXT CHARACTER SET utf8mb3, u4 LONGTEXT CHARACTER SET utf8mb4, u2 VARCHAR(50) CHARACTER SET ucs2, v VARBINARY(300), b MEDIUMBLOB, e ENUM('one','two,three','it''s','ü','') CHARACTER SET utf8mb4, s SET('a','b','c','d','e','f','g','h','i'), PRIMARY KEY(mailbox_id,k));
CREATE TABLE shapes(mailbox_id INT UNSIGNED NOT NULL, k INT NOT NULL, u UUID, i6 INET6, i4 INET4, p POINT, g GEOMETRY, x VARCHAR(200) COMPRESSED, bc BLOB COMPRESSED, inv INT INVISIBLE DEFAULT 5, gen INT AS (k*2) STORED, virt INT AS (k*3) VIRTUAL, upd TIMESTAMP NULL DEFAULT NULL ON UPDATE CURRENT_TIMESTAMP, j JSON, PRIMARY KEY(mailbox_id,k));
CREATE TABLE zero(mailbox_id INT UNSIGNED NOT NULL, id INT NOT NULL AUTO_INCREMENT, x INT DEFAULT 9, PRIMARY KEY(mailbox_id,id), KEY(id));
-- S
SET sql_mode='NO_AUTO_VALUE_ON_ZERO';
INSERT INTO numbers VALUES (7,18446744073709551615,255,65535,16777215,4294967295,-128,-32768,-8388608,-2147483648,-9223372036854775808,b'1',b'111111111',18446744073709551615,-0.000000000000000000000000000001,5.5,0.1,0.1,2155),
 (7,9007199254740993,0,0,0,0,127,32767,8388607,2147483647,9223372036854775806,0,0,0,99999999999999999999999999999999999.999999999999999999999999999999,0,3.4028235e38,1.7976931348623157e308,0),
 (7,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'-0','-0',1901),
 (7,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1e-45,5e-324,1999);
UPDATE numbers SET bs=bs+1, d=d/3, f=f/3 WHERE mailbox_id=7 AND k>=9007199254740993;
UPDATE numbers SET f=1/3, d=1/3 WHERE mailbox_id=7 AND k IN (0,1);
DELETE FROM numbers WHERE mailbox_id=7 AND k=9007199254740993;
INSERT INTO padded VALUES (7,x'0102030405060708090a0b0c0d0e0f00','ja'),(7,REPEAT('\0',16),''),(7,'abc','x    ');
UPDATE padded SET c='nein' WHERE mailbox_id=7 AND k=x'0102030405060708090a0b0c0d0e0f00';
DELETE FROM padded WHERE mailbox_id=7 AND k=REPEAT('\0',16);
INSERT INTO times VALUES (7,-0.0001,'-00:00:00','-00:00:00.01','-16:08:04.010123','2024-02-29 23:59:59','9999-12-31 23:59:59.999999','2038-01-19 03:14:07','1970-01-01 00:00:01.001','1000-01-01'),
 (7,-57.1234,'-838:59:59','838:59:59.99','-838:59:59.999999','0000-00-00','0000-00-00','0000-00-00','2024-10-27 02:30:00.5','0000-00-00');
SET sql_mode='ALLOW_INVALID_DATES,NO_AUTO_VALUE_ON_ZERO';
INSERT INTO times(mailbox_id,k,dt,d) VALUES (7,1,'2024-00-15','2024-02-31'),(7,2,NULL,NULL);
UPDATE times SET t6='00:00:00.000001', dt='2024-02-31 01:02:03' WHERE mailbox_id=7 AND k=-0.0001;
DELETE FROM times WHERE mailbox_id=7 AND k=2;
SET NAMES utf8mb4;
INSERT INTO texts VALUES (7,'Key','Ünï€','ß\0 NUL \\ ''quote'' "','emoji 😀 ',x'd800004100e4',x'fffe00',REPEAT(x'00',70000),'two,three','a,i'),
 (7,'key ',x'808182838485868788898a8b8c8d8e8f90a0b0c0d0e0f0ff','', '', '', '', '', '', ''),
 (7,'Ä',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT IGNORE INTO texts(mailbox_id,k,e) VALUES (7,'bad enum','nonsense');
UPDATE texts SET u4=CONCAT(REPEAT('x',300000),'\n\t'), e='it''s' WHERE mailbox_id=7 AND k='Key';
UPDATE texts SET e=0 WHERE mailbox_id=7 AND k='Ä';
UPDATE texts SET l='changed', s='b' WHERE mailbox_id=7 AND k IN ('key ','Ä');
DELETE FROM texts WHERE mailbox_id=7 AND k='key ';
INSERT INTO shapes(mailbox_id,k,u,i6,i4,p,g,x,bc,inv,upd,j) VALUES (7,1,'6ccd780c-baba-1026-9564-5b8c656024db','2001:db8::ff00:42:8329','192.0.2.1',POINT(1,2),ST_GeomFromText('LINESTRING(0 0,1 1)',4326),REPEAT('c',150),REPEAT('d',5000),6,'2001-01-01 00:00:00','{"k":[1,2]}'),
 (7,2,'00000000-0000-0000-0000-000000000000','::','0.0.0.0',NULL,NULL,'','',NULL,NULL,NULL),
 (7,3,'ffffffff-ffff-4fff-bfff-ffffffffff00',NULL,NULL,POINT(0,0),POINT(1.5,-1.5),NULL,NULL,7,'2002-02-02 02:02:02',NULL);
UPDATE shapes SET x='plain', upd=upd WHERE mailbox_id=7 AND k IN (1,3);
UPDATE shapes SET u='6ccd780c-baba-1026-9564-5b8c65602400', inv=8, upd='2003-03-03 03:03:03' WHERE mailbox_id=7 AND k=2;
INSERT INTO zero VALUES (7,0,1),(7,5,NULL);
INSERT IGNORE INTO members VALUES (7,1,1,'s1'),(7,2,255,'s9'),(7,3,256,'s64'),(7,4,300,''),(7,5,5,'s1,s9,s64'),(7,6,'nonsense','s63,s64'),(7,7,'ümläut',NULL),(7,8,NULL,'s8,s9');
UPDATE members SET e=MOD(e,300)+1 WHERE mailbox_id=7 AND k<5;
UPDATE IGNORE members SET e='nonsense', s='s2,s64' WHERE mailbox_id=7 AND k=5;
UPDATE members SET e='' , s='s1,s64' WHERE mailbox_id=7 AND k=6;
DELETE FROM members WHERE mailbox_id=7 AND e=256;
INSERT INTO members_as_key VALUES (7,'s64',255,1),(7,'s1,s64',255,1),(7,'s1,s63',256,1),(7,'s63',256,1),(7,'',5,1),(7,'s2',300,1),(7,'s2',1,1);
UPDATE members_as_key SET n=2 WHERE mailbox_id=7;
UPDATE members_as_key SET s='s64,s9' WHERE mailbox_id=7 AND s='s64';
DELETE FROM members_as_key WHERE mailbox_id=7 AND s IN ('s1,s64','s63','');
INSERT INTO members_without_key VALUES (7,'s64',255),(7,'s1,s64',255),(7,'s1,s64',256),(7,'s1,s64',255),(7,NULL,300),(7,'',5);
DELETE FROM members_without_key WHERE mailbox_id=7 AND s='s1,s64' AND e=255 LIMIT 1;
DELETE FROM members_without_key WHERE mailbox_id=7 AND (s='s64' OR e='');
-- sync
-- S
SET GLOBAL log_bin_compress=ON, log_bin_compress_min_len=10;
UPDATE numbers SET t=t-1, b9=b9-1 WHERE mailbox_id=7 AND t>0;
DELETE FROM numbers WHERE mailbox_id=7 AND k=1;
UPDATE members SET e=MOD(e,300)+1, s='s64' WHERE mailbox_id=7 AND e>0;
INSERT INTO texts(mailbox_id,k,u4,b,v) VALUES (7,'5 B','12345',x'0000000000',x'00'),(7,'1 KB',REPEAT('abcd',256),REPEAT(x'FF',1024),''),(7,'5 MB',REPEAT('0123456789',500000),REPEAT(x'00FF',2500000),NULL);
UPDATE texts SET u4=CONCAT('changed ',u4) WHERE mailbox_id=7 AND k LIKE '%B';
ALTER TABLE texts COMMENT='a statement long enough that it is compressed in the binlog, too';
DELETE FROM texts WHERE mailbox_id=7 AND k='1 KB';
UPDATE shapes SET u=UUID(), upd=upd WHERE mailbox_id=7;
INSERT INTO zero VALUES (7,6,6),(7,16,NULL);
-- sync
