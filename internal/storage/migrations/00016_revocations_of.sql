-- +goose Up
-- Whether something was revoked since another issuer made a token.
CREATE INDEX revocations_of ON revocations (kind, ref, raised);

-- +goose Down
DROP INDEX revocations_of;
