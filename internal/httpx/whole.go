package httpx

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

// patience is how long whoever sends a whole body may take for each part of it, and
// answerTime how long they then may take for the answer.
const (
	patience   = 30 * time.Second
	answerTime = time.Minute
)

// WholeBody returns the body of a request past the edge's bound, for a handler that
// knows who asks and reads it as it comes, in bounded memory, up to a bound of its own.
// As long as it comes, the connection's own limits, which are for bodies of the usual
// size, do not count.
func WholeBody(r *http.Request) io.Reader {
	if body, ok := r.Context().Value(withinKey{}).(io.Reader); ok {
		return body
	}
	if f := factsOf(r.Context()); f != nil && f.body != nil {
		return &whole{f.body, http.NewResponseController(f.answer)}
	}
	return r.Body
}

type withinKey struct{}

// Within returns r, which is made within another request, with a part of the body of that
// one as its own: WholeBody returns it as it is.
func Within(r *http.Request, body io.Reader) *http.Request {
	r = r.WithContext(context.WithValue(r.Context(), withinKey{}, body))
	r.Body, r.ContentLength = io.NopCloser(body), -1
	return r
}

type whole struct {
	body    io.Reader
	control *http.ResponseController
}

// Read implements io.Reader. Deadlines are of real time; a connection that has none, as
// in a test, does without.
func (b *whole) Read(p []byte) (int, error) {
	now := time.Now()
	_ = b.control.SetReadDeadline(now.Add(patience))
	_ = b.control.SetWriteDeadline(now.Add(patience + answerTime))
	n, err := b.body.Read(p)
	if err == nil || errors.Is(err, io.EOF) {
		return n, err // io.Reader's own is never wrapped
	}
	return n, fmt.Errorf("read the body: %w", err)
}
