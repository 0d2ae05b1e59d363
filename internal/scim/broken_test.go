package scim_test

import (
	"context"
	"errors"

	"github.com/gatehouse-io/gatehouse/internal/directory/record"
)

// broken is a store whose reads fail.
type broken struct{ record.UserStore }

func (broken) User(context.Context, string, string) (record.User, error) {
	return record.User{}, errors.New("secret: connection refused")
}

// halted is a store that takes no change.
type halted struct{ record.UserStore }

func (halted) DeleteUser(context.Context, record.Operation, string, string, record.Match) error {
	return record.ErrHalted
}
