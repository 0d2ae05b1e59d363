package config

import (
	"bytes"
	"encoding/base64"
	"errors"
	"log/slog"
	"os"
	"reflect"
	"strings"
)

// Secret is text that is never printed: it logs, formats and marshals as
// "[secret]". Reveal returns it.
type Secret string

const hidden = "[secret]"

// Reveal returns the text itself.
func (s Secret) Reveal() string { return string(s) }

// Key decodes the text as a 32-byte key in base64, with or without padding, in
// the standard or the URL alphabet. Its error does not quote the text.
func (s Secret) Key() ([]byte, error) {
	text := strings.TrimRight(strings.NewReplacer("-", "+", "_", "/").Replace(string(s)), "=")
	key, err := base64.RawStdEncoding.DecodeString(text)
	if err != nil || len(key) != 32 {
		return nil, errors.New("must be 32 bytes in base64, such as `broker init` makes")
	}
	if bytes.Count(key, key[:1]) == len(key) {
		return nil, errors.New("must be random: every byte of it is the same")
	}
	return key, nil
}

// String hides the text.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return hidden
}

// GoString hides the text from %#v.
func (s Secret) GoString() string { return `config.Secret("` + s.String() + `")` }

// MarshalText hides the text from JSON and YAML.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// LogValue hides the text from slog.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// maxSecretFile is the largest file that a secret is read from.
const maxSecretFile = 64 << 10

// readSecrets reads every secret that is given by a file.
func (r *reader) readSecrets() {
	r.secretsOf(reflect.ValueOf(r.config).Elem(), "")
	for i := range r.config.Connections {
		r.secretsOf(reflect.ValueOf(&r.config.Connections[i]).Elem(), at("connections", i))
	}
}

func (r *reader) secretsOf(v reflect.Value, path string) {
	t := v.Type()
	for i := range t.NumField() {
		name := t.Field(i).Tag.Get("yaml")
		switch field := v.Field(i); {
		case field.Kind() == reflect.Struct:
			r.secretsOf(field, join(path, name))
		case isSecret(field.Type()):
			if file := v.FieldByName(t.Field(i).Name + "File"); file.IsValid() && file.String() != "" {
				r.secret(field, join(path, name), file.String())
			}
		}
	}
}

// secret fills v, a Secret or a list of them, from a file.
func (r *reader) secret(v reflect.Value, path, file string) {
	if !v.IsZero() {
		r.complain(path+"_file", "cannot be given together with "+path)
		return
	}
	data, err := os.ReadFile(file) //nolint:gosec // the operator names the file
	if err != nil {
		r.unread = append(r.unread, path)
		r.complain(path+"_file", "cannot be read: "+err.Error())
		return
	}
	text := strings.TrimSpace(string(data))
	if text == "" || len(data) > maxSecretFile {
		r.unread = append(r.unread, path)
		r.complain(path+"_file", "is an empty file, or one too large for a secret")
		return
	}
	if v.Kind() == reflect.String {
		v.SetString(text)
		return
	}
	for line := range strings.FieldsSeq(text) {
		v.Set(reflect.Append(v, reflect.ValueOf(Secret(line))))
	}
}
