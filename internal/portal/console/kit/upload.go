package kit

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"unicode/utf8"

	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/httpx"
)

// fileField is the form field of a file; its content is read like a text.
const fileField = "file"

// MaxUpload bounds a form with a file, in bytes.
const MaxUpload = 1 << 20

var errUpload = fault.New(fault.Invalid, "upload_unreadable", "the form could not be read, or has more than 1 MiB")

// readUpload reads a form of type multipart/form-data, whole and in memory: each
// field once, as UTF-8 text.
func readUpload(w http.ResponseWriter, r *http.Request) (url.Values, error) {
	if media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || media != "multipart/form-data" {
		return nil, httpx.ErrMediaType
	}
	r.Body = http.MaxBytesReader(w, r.Body, MaxUpload)
	parts, err := r.MultipartReader()
	if err != nil {
		return nil, errUpload
	}
	values := url.Values{}
	for {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			return values, nil
		}
		if err != nil {
			return nil, errUpload
		}
		body, err := io.ReadAll(part)
		if err != nil {
			return nil, errUpload
		}
		name := part.FormName()
		if values.Has(name) {
			return nil, httpx.ErrRepeated.At(name)
		}
		if !utf8.Valid(body) {
			return nil, httpx.ErrEncoding.At(name)
		}
		values.Set(name, string(body))
	}
}
