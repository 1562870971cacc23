-- Each question in SQL, beside the stores that are made for it.

CREATE TABLE IF NOT EXISTS kv_sessions (
    token BINARY(32) PRIMARY KEY,
    user_id BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    -- Finds expired sessions.
    KEY kv_sessions_expires_at (expires_at)
) ENGINE = InnoDB;

CREATE TABLE IF NOT EXISTS kv_counters (
    name VARBINARY(64) PRIMARY KEY,
    value BIGINT UNSIGNED NOT NULL
) ENGINE = InnoDB;

CREATE TABLE IF NOT EXISTS wide_feeds (
    owner_id BIGINT NOT NULL,
    post_id BIGINT NOT NULL,
    author_id BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    content VARCHAR(1024) NOT NULL,
    PRIMARY KEY (owner_id, post_id)
) ENGINE = InnoDB, CHARACTER SET utf8mb4, COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS doc_authors (
    id BIGINT PRIMARY KEY,
    handle VARBINARY(32) NOT NULL
) ENGINE = InnoDB;

CREATE TABLE IF NOT EXISTS doc_posts (
    id BIGINT PRIMARY KEY,
    author_id BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    content VARCHAR(1024) NOT NULL
) ENGINE = InnoDB, CHARACTER SET utf8mb4, COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS doc_photos (
    post_id BIGINT PRIMARY KEY,
    file_key VARCHAR(255) NOT NULL,
    media_type VARCHAR(255) NOT NULL,
    CONSTRAINT doc_photos_post FOREIGN KEY (post_id) REFERENCES doc_posts (id)
) ENGINE = InnoDB, CHARACTER SET utf8mb4, COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS doc_replies (
    id BIGINT AUTO_INCREMENT,
    post_id BIGINT NOT NULL,
    author_id BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    content VARCHAR(1024) NOT NULL,
    -- The replies of a post lie together, in their order.
    PRIMARY KEY (post_id, id),
    KEY doc_replies_id (id),
    CONSTRAINT doc_replies_post FOREIGN KEY (post_id) REFERENCES doc_posts (id)
) ENGINE = InnoDB, CHARACTER SET utf8mb4, COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS graph_follows (
    follower_id BIGINT NOT NULL,
    followee_id BIGINT NOT NULL,
    PRIMARY KEY (follower_id, followee_id)
) ENGINE = InnoDB;
