-- +goose Up
-- What people are sorted and filtered by once they are found, without their bodies.
CREATE INDEX people_order ON people (id, folded, updated, disabled);

-- +goose Down
DROP INDEX people_order;
