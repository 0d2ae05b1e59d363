package kit

import (
	"errors"
	"io"
	"mime"
	"mime/multipart"
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
	parts, err := partsOf(r, http.MaxBytesReader(w, r.Body, MaxUpload))
	if err != nil {
		return nil, err
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
		if err := take(values, part); err != nil {
			return nil, err
		}
	}
}

// partsOf reads the parts of a form from the body of its request.
func partsOf(r *http.Request, body io.Reader) (*multipart.Reader, error) {
	media, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || media != "multipart/form-data" {
		return nil, httpx.ErrMediaType
	}
	if params["boundary"] == "" {
		return nil, errUpload
	}
	return multipart.NewReader(body, params["boundary"]), nil
}

// take reads a field.
func take(values url.Values, part *multipart.Part) error {
	body, err := io.ReadAll(part)
	if err != nil {
		return errUpload
	}
	name := part.FormName()
	if values.Has(name) {
		return httpx.ErrRepeated.At(name)
	}
	if !utf8.Valid(body) {
		return httpx.ErrEncoding.At(name)
	}
	values.Set(name, string(body))
	return nil
}

// receive reads the fields of a form that stand before its file, and leaves the file to
// whoever reads it: no more of it than a buffer is ever held.
func receive(r *http.Request) (url.Values, *incoming, error) {
	fields := &counted{in: httpx.WholeBody(r), left: MaxUpload}
	parts, err := partsOf(r, fields)
	if err != nil {
		return nil, nil, err
	}
	values := url.Values{}
	for {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			return values, nil, nil
		}
		if err != nil {
			return nil, nil, errUpload
		}
		if part.FormName() != fileField {
			if err := take(values, part); err != nil {
				return nil, nil, err
			}
			continue
		}
		if part.FileName() == "" { // a form that was sent without a file says so
			return values, nil, nil
		}
		fields.left = -1
		return values, &incoming{part, parts}, nil
	}
}

// counted reads up to so many bytes; less than none is no bound.
type counted struct {
	in   io.Reader
	left int64
}

// Read implements io.Reader.
func (c *counted) Read(p []byte) (int, error) {
	if c.left == 0 {
		return 0, errUpload
	}
	if c.left > 0 {
		p = p[:min(int64(len(p)), c.left)]
	}
	n, err := c.in.Read(p)
	if c.left > 0 {
		c.left -= int64(n)
	}
	return n, err //nolint:wrapcheck // io.Reader's own
}

// incoming is a file that comes as the last part of a form.
type incoming struct {
	part *multipart.Part
	form *multipart.Reader
}

// Read implements io.Reader. What stands behind the file is refused.
func (f *incoming) Read(p []byte) (int, error) {
	n, err := f.part.Read(p)
	if errors.Is(err, io.EOF) {
		if _, more := f.form.NextPart(); !errors.Is(more, io.EOF) {
			return n, errUpload
		}
	}
	return n, err //nolint:wrapcheck // io.Reader's own
}
