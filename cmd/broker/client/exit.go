package client

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
)

// The exit codes of the command line.
const (
	OK          = 0
	Failure     = 1
	Usage       = 2 // the command line, or what was given to the broker, is wrong
	NotFound    = 3
	Denied      = 4 // no token, one that is not good, or the right is missing
	Conflict    = 5 // the state does not allow it, or it changed meanwhile
	Unavailable = 6 // the broker, or something that it needs, does not answer
)

// ExitCodes explains them, for the help.
const ExitCodes = `Exit codes: 0 done, 1 failure, 2 wrong usage or input, 3 not found, 4 not signed in or not allowed, 5 conflict with what is there, ` +
	`6 the broker does not answer.`

// Error is a failure with its exit code.
type Error struct {
	Exit int
	Text string
	// Code is the broker's stable code, if it gave one.
	Code string
}

// Error implements error.
func (e *Error) Error() string { return e.Text }

// ExitOf is the exit code of an error.
func ExitOf(err error) int {
	if err == nil {
		return OK
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Exit
	}
	return Failure
}

func usage(text string) error { return &Error{Exit: Usage, Text: text} }

// refused turns an answer that is a problem (RFC 9457) into an Error.
func refused(res *http.Response, answer []byte) error {
	if res.StatusCode < http.StatusBadRequest {
		return nil
	}
	e := &Error{Exit: exitOfStatus(res.StatusCode), Text: "the broker answers " + res.Status}
	var problem struct {
		Detail, Pointer, Code string
		Request               string `json:"request_id"`
	}
	if json.Unmarshal(answer, &problem) == nil && problem.Detail != "" {
		e.Text, e.Code = problem.Detail, problem.Code
		if problem.Pointer != "" && !strings.Contains(problem.Detail, problem.Pointer) {
			e.Text += " (" + problem.Pointer + ")"
		}
		if res.StatusCode >= http.StatusInternalServerError && problem.Request != "" {
			e.Text += "; request " + problem.Request
		}
	}
	return e
}

func exitOfStatus(status int) int {
	switch status {
	case http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType:
		return Usage
	case http.StatusNotFound:
		return NotFound
	case http.StatusUnauthorized, http.StatusForbidden:
		return Denied
	case http.StatusConflict, http.StatusPreconditionFailed, http.StatusUnprocessableEntity:
		return Conflict
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return Unavailable
	}
	return Failure
}
