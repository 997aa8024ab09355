-- Table ids begin anew with the server (M01): the same id is another table in the second file.
CREATE TABLE item (mailbox_id INT UNSIGNED NOT NULL, n INT NOT NULL, v INT, PRIMARY KEY (mailbox_id, n));
CREATE TABLE ignored (text VARCHAR(10), more INT);
INSERT INTO item VALUES (7,1,10);
INSERT INTO ignored VALUES ('a',1);
-- restart
INSERT INTO ignored VALUES ('b',2);
INSERT INTO item VALUES (7,2,20);
