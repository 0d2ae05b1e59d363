-- +goose Up
CREATE INDEX sessions_expires ON sessions (expires) WHERE ended = 0;

-- +goose Down
DROP INDEX sessions_expires;
