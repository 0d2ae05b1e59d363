package rest

import (
	"context"
	"net/http"

	"github.com/gatehouse-io/gatehouse/internal/admin"
	"github.com/gatehouse-io/gatehouse/internal/identity"
)

// Caller is who an operation is done for.
type Caller struct {
	admin.Principal
	// Actor is what audit entries say.
	Actor identity.Actor
	// query is what Do and List find in Of.
	query Query
	body  []byte
}

type callerKey struct{}

func with(r *http.Request, c Caller) *http.Request {
	return r.WithContext(context.WithValue(r.Context(), callerKey{}, c))
}

// CallerOf returns who a request within the pipeline is done for.
func CallerOf(r *http.Request) Caller {
	c, _ := r.Context().Value(callerKey{}).(Caller)
	return c
}

// QueryOf returns the checked parameters of a request within the pipeline.
func QueryOf(r *http.Request) Query { return CallerOf(r).query }

// BodyOf returns the body of a request within the pipeline.
func BodyOf(r *http.Request) []byte { return CallerOf(r).body }
