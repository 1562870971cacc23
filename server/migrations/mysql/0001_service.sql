-- Each statement may run again: MySQL cannot roll back an interrupted schema change.

-- Metadata of the store, such as the fingerprint of its data set.
CREATE TABLE IF NOT EXISTS meta (
    name VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin PRIMARY KEY,
    value VARCHAR(255) NOT NULL
) ENGINE = InnoDB, CHARACTER SET utf8mb4, COLLATE utf8mb4_bin;

-- Denormalised counters: counting the followers of a popular user would read each of them.
-- Handles are binary, because text comparison ignores trailing spaces.
CREATE TABLE IF NOT EXISTS users (
    id BIGINT AUTO_INCREMENT PRIMARY KEY,
    handle VARBINARY(32) NOT NULL,
    password_hash VARCHAR(255) NOT NULL,
    created_at BIGINT NOT NULL,
    followers BIGINT NOT NULL DEFAULT 0,
    following BIGINT NOT NULL DEFAULT 0,
    posts BIGINT NOT NULL DEFAULT 0,
    UNIQUE KEY users_handle (handle)
) ENGINE = InnoDB, CHARACTER SET utf8mb4, COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS sessions (
    token BINARY(32) PRIMARY KEY,
    user_id BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    -- Finds expired sessions.
    KEY sessions_expires_at (expires_at),
    CONSTRAINT sessions_user FOREIGN KEY (user_id) REFERENCES users (id)
) ENGINE = InnoDB;

CREATE TABLE IF NOT EXISTS posts (
    id BIGINT AUTO_INCREMENT PRIMARY KEY,
    author_id BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    has_photo BOOLEAN NOT NULL DEFAULT FALSE,
    content VARCHAR(1024) NOT NULL,
    html TEXT NOT NULL,
    -- Includes the primary key, so it returns the newest posts of an author in order.
    KEY posts_author_id (author_id),
    CONSTRAINT posts_author FOREIGN KEY (author_id) REFERENCES users (id)
) ENGINE = InnoDB, CHARACTER SET utf8mb4, COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS follows (
    follower_id BIGINT NOT NULL,
    followee_id BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (follower_id, followee_id),
    CONSTRAINT follows_follower FOREIGN KEY (follower_id) REFERENCES users (id),
    CONSTRAINT follows_followee FOREIGN KEY (followee_id) REFERENCES users (id)
) ENGINE = InnoDB;

CREATE TABLE IF NOT EXISTS photos (
    post_id BIGINT PRIMARY KEY,
    media_type VARCHAR(255) NOT NULL,
    bytes BIGINT NOT NULL,
    file_key VARCHAR(255) NOT NULL,
    etag VARCHAR(255) NOT NULL,
    created_at BIGINT NOT NULL,
    CONSTRAINT photos_post FOREIGN KEY (post_id) REFERENCES posts (id)
) ENGINE = InnoDB, CHARACTER SET utf8mb4, COLLATE utf8mb4_bin;
