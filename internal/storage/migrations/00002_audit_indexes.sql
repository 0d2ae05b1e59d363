-- +goose Up
-- An entry is found unsealed once and sealed for ever: two small indexes cost less
-- to keep than one over both.
DROP INDEX audit_seal;
CREATE INDEX audit_unsealed ON audit (id) WHERE seal = 0;
CREATE INDEX audit_sealed ON audit (seal) WHERE seal <> 0;

-- +goose Down
DROP INDEX audit_unsealed;
DROP INDEX audit_sealed;
CREATE INDEX audit_seal ON audit (seal, id);
