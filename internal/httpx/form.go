package httpx

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/gatehouse-io/gatehouse/internal/fault"
)

// What parameters may measure, in bytes, and how many there may be.
const (
	MaxForm       = 64 << 10
	MaxQuery      = 16 << 10
	MaxJSON       = 1 << 20
	maxParameters = 128
)

// The faults of malformed parameters. They point at the parameter by name.
var (
	// ErrRepeated refuses a parameter that comes twice: readers that pick the
	// first and readers that pick the last would see two requests (RFC 6749,
	// section 3.1).
	ErrRepeated = fault.New(fault.Invalid, "parameter_repeated", "a parameter must not be sent twice")
	// ErrEncoding refuses bad percent-encoding, bytes that are not UTF-8, and NUL.
	ErrEncoding = fault.New(fault.Invalid, "parameter_encoding", "a parameter is not encoded as UTF-8 in application/x-www-form-urlencoded")
	errTooMany  = fault.New(fault.Invalid, "parameters_too_many", "there are too many parameters")
	errBody     = fault.New(fault.Invalid, "body_unreadable", "the body could not be read")
)

// Form returns the parameters of a POST with a body of at most MaxForm bytes in
// application/x-www-form-urlencoded. What stands in the URL does not count. The
// body is read once; r.Form and r.PostForm are set for libraries that look there.
func Form(r *http.Request) (url.Values, error) { return FormUpTo(r, MaxForm) }

// FormUpTo is Form for a body of at most limit bytes.
func FormUpTo(r *http.Request, limit int64) (url.Values, error) {
	if r.Method != http.MethodPost {
		return nil, ErrMethod
	}
	if !HasType(r, "application/x-www-form-urlencoded") {
		return nil, ErrMediaType
	}
	raw, err := ReadBody(r, limit)
	if err != nil {
		return nil, err
	}
	values, err := parseParameters(string(raw))
	if err != nil {
		return nil, err
	}
	r.Form, r.PostForm = values, values
	return values, nil
}

// Query returns the parameters in the URL, at most MaxQuery bytes of them.
func Query(r *http.Request) (url.Values, error) {
	if len(r.URL.RawQuery) > MaxQuery {
		return nil, ErrTooLarge
	}
	return parseParameters(r.URL.RawQuery)
}

// HasType reports whether the request has exactly one Content-Type, and it is
// this one, with no parameter but charset=utf-8.
func HasType(r *http.Request, want string) bool {
	lines := r.Header.Values("Content-Type")
	if len(lines) != 1 {
		return false
	}
	if lines[0] == want {
		return true
	}
	media, params, err := mime.ParseMediaType(lines[0])
	if err != nil || media != want {
		return false
	}
	for name, value := range params {
		if name != "charset" || !strings.EqualFold(value, "utf-8") {
			return false
		}
	}
	return true
}

// ReadBody returns the whole body of at most limit bytes, or fails with ErrTooLarge.
func ReadBody(r *http.Request, limit int64) ([]byte, error) {
	if r.ContentLength > limit {
		return nil, ErrTooLarge
	}
	if r.Body == nil {
		return nil, nil
	}
	var raw []byte
	var err error
	if r.ContentLength > 0 && r.ContentLength <= MaxForm { // no more room than a stranger can fill at once
		raw = make([]byte, r.ContentLength)
		_, err = io.ReadFull(r.Body, raw)
	} else {
		raw, err = io.ReadAll(io.LimitReader(r.Body, limit+1))
	}
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge), int64(len(raw)) > limit:
		return nil, ErrTooLarge
	case err != nil:
		return nil, fault.Wrap(err, fault.Invalid, errBody.Code, "%s", errBody.Detail)
	}
	return raw, nil
}

func parseParameters(raw string) (url.Values, error) {
	values := make(url.Values, strings.Count(raw, "&")+1)
	for pair := range strings.SplitSeq(raw, "&") {
		if pair == "" {
			continue
		}
		rawName, rawValue, _ := strings.Cut(pair, "=")
		name, err := unescape(rawName)
		if err != nil {
			return nil, err
		}
		value, err := unescape(rawValue)
		if err != nil {
			return nil, ErrEncoding.At(showable(name))
		}
		if _, twice := values[name]; twice {
			return nil, ErrRepeated.At(showable(name))
		}
		if len(values) == maxParameters {
			return nil, errTooMany
		}
		values[name] = []string{value}
	}
	return values, nil
}

func unescape(s string) (string, error) {
	if unescaped(s) {
		return s, nil
	}
	if strings.ContainsRune(s, ';') {
		// Some parsers split here, ours must not see another request than they do.
		return "", ErrEncoding
	}
	s, err := url.QueryUnescape(s)
	if err != nil || !utf8.ValidString(s) || strings.ContainsRune(s, 0) {
		return "", ErrEncoding
	}
	return s, nil
}

// unescaped reports whether s stands for itself, as nearly all do: a token of some
// hundred bytes is looked at once.
func unescaped(s string) bool {
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c > '~' || c == '%' || c == '+' || c == ';' {
			return false
		}
	}
	return true
}

// showable cuts a name that a stranger chose down to what may stand in an answer.
func showable(name string) string {
	const longest = 64
	if len(name) > longest {
		name = name[:longest]
	}
	return strings.Map(func(c rune) rune {
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.ContainsRune("_-.[]:", c) {
			return c
		}
		return -1
	}, name)
}
