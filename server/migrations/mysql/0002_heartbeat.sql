-- Newest heartbeat of each process, to measure the lag of replicas.
CREATE TABLE IF NOT EXISTS heartbeat (
    origin BIGINT PRIMARY KEY,
    number BIGINT NOT NULL,
    beaten_at BIGINT NOT NULL,
    -- Finds old heartbeats.
    KEY heartbeat_beaten_at (beaten_at)
) ENGINE = InnoDB;
