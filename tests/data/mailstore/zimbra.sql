-- Written by tests/tools/schema/generate from the tables beside this file: don't edit.
CREATE DATABASE `zimbra` DEFAULT CHARACTER SET utf8mb3;

CREATE TABLE `zimbra`.`volume` (
  `id` tinyint(3) unsigned NOT NULL AUTO_INCREMENT,
  `type` tinyint(4) NOT NULL,
  `name` varchar(255) CHARACTER SET utf8mb3 COLLATE utf8mb3_general_ci NOT NULL,
  `path` text CHARACTER SET utf8mb3 COLLATE utf8mb3_general_ci NOT NULL,
  `file_bits` smallint(6) NOT NULL,
  `file_group_bits` smallint(6) NOT NULL,
  `mailbox_bits` smallint(6) NOT NULL,
  `mailbox_group_bits` smallint(6) NOT NULL,
  `compress_blobs` tinyint(1) NOT NULL,
  `compression_threshold` bigint(20) NOT NULL,
  `metadata` mediumtext CHARACTER SET utf8mb3 COLLATE utf8mb3_general_ci NULL DEFAULT NULL,
  PRIMARY KEY (`id`),
  UNIQUE KEY `i_name` (`name`),
  UNIQUE KEY `i_path` (`path`(255))
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb3;

CREATE TABLE `zimbra`.`current_volumes` (
  `message_volume_id` tinyint(3) unsigned NOT NULL,
  `secondary_message_volume_id` tinyint(3) unsigned NULL DEFAULT NULL,
  `index_volume_id` tinyint(3) unsigned NOT NULL,
  `next_mailbox_id` int(10) unsigned NOT NULL,
  KEY `i_index_volume_id` (`index_volume_id`),
  KEY `i_message_volume_id` (`message_volume_id`),
  KEY `i_secondary_message_volume_id` (`secondary_message_volume_id`),
  CONSTRAINT `fk_current_volumes_index_volume_id_volume` FOREIGN KEY (`index_volume_id`) REFERENCES `zimbra`.`volume` (`id`) ON DELETE RESTRICT,
  CONSTRAINT `fk_current_volumes_message_volume_id_volume` FOREIGN KEY (`message_volume_id`) REFERENCES `zimbra`.`volume` (`id`) ON DELETE RESTRICT,
  CONSTRAINT `fk_current_volumes_secondary_message_volume_id_volume` FOREIGN KEY (`secondary_message_volume_id`) REFERENCES `zimbra`.`volume` (`id`) ON DELETE RESTRICT
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb3;

CREATE TABLE `zimbra`.`mailbox` (
  `id` int(10) unsigned NOT NULL,
  `group_id` int(10) unsigned NOT NULL,
  `account_id` varchar(127) CHARACTER SET utf8mb3 COLLATE utf8mb3_general_ci NOT NULL,
  `index_volume_id` tinyint(3) unsigned NOT NULL,
  `item_id_checkpoint` int(10) unsigned NOT NULL DEFAULT 0,
  `contact_count` int(10) unsigned NULL DEFAULT 0,
  `size_checkpoint` bigint(20) unsigned NOT NULL DEFAULT 0,
  `change_checkpoint` int(10) unsigned NOT NULL DEFAULT 0,
  `tracking_sync` int(10) unsigned NOT NULL DEFAULT 0,
  `tracking_imap` tinyint(1) NOT NULL DEFAULT 0,
  `last_backup_at` int(10) unsigned NULL DEFAULT NULL,
  `comment` varchar(255) CHARACTER SET utf8mb3 COLLATE utf8mb3_general_ci NULL DEFAULT NULL,
  `last_soap_access` int(10) unsigned NOT NULL DEFAULT 0,
  `new_messages` int(10) unsigned NOT NULL DEFAULT 0,
  `idx_deferred_count` int(11) NOT NULL DEFAULT 0,
  `highest_indexed` varchar(21) CHARACTER SET utf8mb3 COLLATE utf8mb3_general_ci NULL DEFAULT NULL,
  `version` varchar(16) CHARACTER SET utf8mb3 COLLATE utf8mb3_general_ci NULL DEFAULT NULL,
  `last_purge_at` int(10) unsigned NOT NULL DEFAULT 0,
  `itemcache_checkpoint` int(10) unsigned NOT NULL DEFAULT 0,
  PRIMARY KEY (`id`),
  UNIQUE KEY `i_account_id` (`account_id`),
  KEY `i_index_volume_id` (`index_volume_id`),
  KEY `i_last_backup_at` (`last_backup_at`, `id`),
  CONSTRAINT `fk_mailbox_index_volume_id_volume` FOREIGN KEY (`index_volume_id`) REFERENCES `zimbra`.`volume` (`id`) ON DELETE RESTRICT
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb3;

CREATE TABLE `zimbra`.`config` (
  `name` varchar(255) CHARACTER SET utf8mb3 COLLATE utf8mb3_general_ci NOT NULL,
  `value` text CHARACTER SET utf8mb3 COLLATE utf8mb3_general_ci NULL DEFAULT NULL,
  `description` text CHARACTER SET utf8mb3 COLLATE utf8mb3_general_ci NULL DEFAULT NULL,
  `modified` timestamp NULL DEFAULT NULL,
  PRIMARY KEY (`name`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb3;

CREATE TABLE `zimbra`.`current_sessions` (
  `id` int(10) unsigned NOT NULL,
  `server_id` varchar(127) CHARACTER SET utf8mb3 COLLATE utf8mb3_general_ci NOT NULL,
  PRIMARY KEY (`id`, `server_id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb3;

CREATE TABLE `zimbra`.`deleted_account` (
  `email` varchar(255) CHARACTER SET utf8mb3 COLLATE utf8mb3_general_ci NOT NULL,
  `account_id` varchar(127) CHARACTER SET utf8mb3 COLLATE utf8mb3_general_ci NOT NULL,
  `mailbox_id` int(10) unsigned NOT NULL,
  `deleted_at` int(10) unsigned NOT NULL,
  PRIMARY KEY (`email`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb3;

CREATE TABLE `zimbra`.`mailbox_metadata` (
  `mailbox_id` int(10) unsigned NOT NULL,
  `section` varchar(64) CHARACTER SET utf8mb3 COLLATE utf8mb3_general_ci NOT NULL,
  `metadata` mediumtext CHARACTER SET utf8mb3 COLLATE utf8mb3_general_ci NULL DEFAULT NULL,
  PRIMARY KEY (`mailbox_id`, `section`),
  CONSTRAINT `fk_mailbox_metadata_mailbox_id_mailbox` FOREIGN KEY (`mailbox_id`) REFERENCES `zimbra`.`mailbox` (`id`) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb3;

CREATE TABLE `zimbra`.`out_of_office` (
  `mailbox_id` int(10) unsigned NOT NULL,
  `sent_to` varchar(255) CHARACTER SET utf8mb3 COLLATE utf8mb3_general_ci NOT NULL,
  `sent_on` datetime NOT NULL,
  PRIMARY KEY (`mailbox_id`, `sent_to`),
  KEY `i_sent_on` (`sent_on`),
  CONSTRAINT `fk_out_of_office_mailbox_id_mailbox` FOREIGN KEY (`mailbox_id`) REFERENCES `zimbra`.`mailbox` (`id`) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb3;

CREATE TABLE `zimbra`.`pending_acl_push` (
  `mailbox_id` int(10) unsigned NOT NULL,
  `item_id` int(10) unsigned NOT NULL,
  `date` bigint(20) unsigned NOT NULL,
  PRIMARY KEY (`mailbox_id`, `item_id`, `date`),
  KEY `i_date` (`date`),
  CONSTRAINT `fk_pending_acl_push_mailbox_id_mailbox` FOREIGN KEY (`mailbox_id`) REFERENCES `zimbra`.`mailbox` (`id`) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb3;

CREATE TABLE `zimbra`.`scheduled_task` (
  `class_name` varchar(255) CHARACTER SET utf8mb3 COLLATE utf8mb3_bin NOT NULL,
  `name` varchar(255) CHARACTER SET utf8mb3 COLLATE utf8mb3_general_ci NOT NULL,
  `mailbox_id` int(10) unsigned NOT NULL,
  `exec_time` datetime NULL DEFAULT NULL,
  `interval_millis` int(10) unsigned NULL DEFAULT NULL,
  `metadata` mediumtext CHARACTER SET utf8mb3 COLLATE utf8mb3_general_ci NULL DEFAULT NULL,
  PRIMARY KEY (`name`, `mailbox_id`, `class_name`),
  KEY `i_mailbox_id` (`mailbox_id`),
  CONSTRAINT `fk_scheduled_task_mailbox_id_mailbox` FOREIGN KEY (`mailbox_id`) REFERENCES `zimbra`.`mailbox` (`id`) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb3;

CREATE TABLE `zimbra`.`service_status` (
  `server` varchar(255) CHARACTER SET utf8mb3 COLLATE utf8mb3_general_ci NOT NULL,
  `service` varchar(255) CHARACTER SET utf8mb3 COLLATE utf8mb3_general_ci NOT NULL,
  `time` datetime NULL DEFAULT NULL,
  `status` tinyint(1) NULL DEFAULT NULL,
  UNIQUE KEY `i_server_service` (`server`(100), `service`(100))
) ENGINE=MyISAM DEFAULT CHARSET=utf8mb3;

CREATE TABLE `zimbra`.`table_maintenance` (
  `database_name` varchar(64) CHARACTER SET utf8mb3 COLLATE utf8mb3_general_ci NOT NULL,
  `table_name` varchar(64) CHARACTER SET utf8mb3 COLLATE utf8mb3_general_ci NOT NULL,
  `maintenance_date` datetime NOT NULL,
  `last_optimize_date` datetime NULL DEFAULT NULL,
  `num_rows` int(10) unsigned NOT NULL,
  PRIMARY KEY (`table_name`, `database_name`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb3;

CREATE TABLE `zimbra`.`volume_blobs` (
  `id` bigint(20) NOT NULL AUTO_INCREMENT,
  `volume_id` tinyint(4) NOT NULL,
  `mailbox_id` int(11) NOT NULL,
  `item_id` int(11) NOT NULL,
  `revision` int(11) NOT NULL,
  `blob_digest` varchar(44) CHARACTER SET utf8mb3 COLLATE utf8mb3_general_ci NULL DEFAULT NULL,
  `processed` tinyint(1) NULL DEFAULT 0,
  PRIMARY KEY (`id`),
  KEY `i_blob_digest` (`blob_digest`),
  UNIQUE KEY `uc_blobinfo` (`volume_id`, `mailbox_id`, `item_id`, `revision`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb3;
