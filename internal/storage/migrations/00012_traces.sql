-- +goose Up
-- Sign-ins that failed, and tests of connections, until they expire. The list reads
-- head; rest is what one of them shows.
CREATE TABLE traces (
  id TEXT PRIMARY KEY, at BIGINT NOT NULL, connection TEXT NOT NULL, kind TEXT NOT NULL, rule TEXT NOT NULL, check_name TEXT NOT NULL,
  passed BOOLEAN NOT NULL, head TEXT NOT NULL, rest TEXT NOT NULL, expires BIGINT NOT NULL
);
CREATE INDEX traces_at ON traces (at, id);
CREATE INDEX traces_connection ON traces (connection, at, id);
CREATE INDEX traces_expires ON traces (expires);

-- +goose Down
DROP TABLE traces;
