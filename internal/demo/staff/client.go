package staff

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// maxAnswer bounds what is read of one answer, in bytes.
const maxAnswer = 4 << 20

// mediaType is that of SCIM's messages (RFC 7644, section 8.1), operationHeader names
// the operation that an answer is of.
const (
	mediaType       = "application/scim+json"
	operationHeader = "X-Operation-Id"
)

// The schemas of messages (RFC 7643 and 7644).
const (
	userSchema       = "urn:ietf:params:scim:schemas:core:2.0:User"
	groupSchema      = "urn:ietf:params:scim:schemas:core:2.0:Group"
	enterpriseSchema = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
	patchSchema      = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
)

// Call is a change that was asked of the broker, and what it answered.
type Call struct {
	// Does says what for, Method and Path how: the path is below the connection's base.
	Does, Method, Path string
	// Status is the answer's, and Problem what it says where it refuses.
	Status  int
	Problem string
	Took    time.Duration
	// Operation is the id by which the broker knows the operation; empty where it has
	// none.
	Operation string
}

// Done reports whether the broker did it.
func (c Call) Done() bool { return c.Status < http.StatusMultipleChoices }

// Milliseconds is Took in milliseconds, to a tenth.
func (c Call) Milliseconds() string {
	return fmt.Sprintf("%.1f", float64(c.Took.Microseconds())/1000)
}

// client speaks SCIM to one connection.
type client struct {
	base, token string
	http        *http.Client
	now         func() time.Time
}

// list is a ListResponse (RFC 7644, section 3.4.2).
type list[T any] struct {
	Total     int `json:"totalResults"`
	Resources []T `json:"Resources"`
}

// perFilter is how many external ids one filter asks for.
const perFilter = 32

// find asks for the resources of a collection that have these external ids.
func find[T any](ctx context.Context, c *client, collection, without string, ids []string) ([]T, error) {
	var all []T
	for len(ids) > 0 {
		n := min(len(ids), perFilter)
		terms := make([]string, n)
		for i, id := range ids[:n] {
			quoted, err := json.Marshal(id)
			if err != nil {
				return nil, fmt.Errorf("external id: %w", err)
			}
			terms[i] = "externalId eq " + string(quoted)
		}
		q := url.Values{"filter": {strings.Join(terms, " or ")}, "count": {fmt.Sprint(perFilter)}, "excludedAttributes": {without}}
		var found list[T]
		call, err := c.do(ctx, Call{Does: "look for what there is", Method: http.MethodGet, Path: collection + "?" + q.Encode()}, nil, &found)
		if err == nil && !call.Done() {
			err = refusal(call)
		}
		if err != nil {
			return nil, err
		}
		all, ids = append(all, found.Resources...), ids[n:]
	}
	return all, nil
}

// refused is a call that the broker answered with an error.
type refused struct{ Call }

func refusal(c Call) error { return &refused{c} }

// Error says what was answered.
func (r *refused) Error() string {
	return fmt.Sprintf("the broker answers %d: %s", r.Status, r.Problem)
}

// do sends a request and reads the answer into what to points at, nil for nothing. What
// the broker refuses is in the call and no error.
func (c *client) do(ctx context.Context, call Call, body, to any) (Call, error) {
	text, err := json.Marshal(body)
	if err != nil {
		return call, fmt.Errorf("%s: %w", call.Does, err)
	}
	if body == nil {
		text = nil
	}
	req, err := http.NewRequestWithContext(ctx, call.Method, c.base+call.Path, bytes.NewReader(text))
	if err != nil {
		return call, fmt.Errorf("%s: %w", call.Does, err)
	}
	req.Header.Set("Authorization", "Bearer "+c.token)
	req.Header.Set("Content-Type", mediaType)
	req.Header.Set("Accept", mediaType)
	req.Header.Set("User-Agent", "Acme-Workforce/1.0")
	begun := c.now()
	res, err := c.http.Do(req)
	if err != nil {
		return call, fmt.Errorf("%s: %w", call.Does, err)
	}
	defer func() { _ = res.Body.Close() }()
	raw, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	call.Status, call.Took, call.Operation = res.StatusCode, c.now().Sub(begun), res.Header.Get(operationHeader)
	switch {
	case err != nil:
		return call, fmt.Errorf("%s: %w", call.Does, err)
	case !call.Done():
		call.Problem = problem(res.Status, raw)
	case to != nil:
		if err := json.Unmarshal(raw, to); err != nil {
			return call, fmt.Errorf("%s: %w", call.Does, err)
		}
	}
	return call, nil
}

// problem is what an error says (RFC 7644, section 3.12).
func problem(status string, raw []byte) string {
	var said struct {
		Detail string `json:"detail"`
	}
	if json.Unmarshal(raw, &said) == nil && said.Detail != "" {
		return said.Detail
	}
	return status
}
