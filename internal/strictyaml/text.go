package strictyaml

import (
	"encoding"
	"errors"
	"reflect"
	"regexp"
	"strconv"
	"time"
)

// wanted says what text a scalar of v's type may be read from: in words, and the
// YAML tags that are fine.
func wanted(v reflect.Value) (words, tags string) {
	switch {
	case v.Type() == reflect.TypeFor[time.Duration]():
		return "a duration such as 30s, 15m, 8h or 90d", "!!str"
	case v.Addr().Type().Implements(textUnmarshaler):
		return "text", "!!str"
	case v.Kind() == reflect.Bool:
		return "true or false", "!!bool"
	case v.CanInt():
		return "a whole number", "!!int"
	case v.CanFloat():
		return "a number", "!!int !!float"
	default:
		return "text", "!!str !!timestamp"
	}
}

// SetText sets v, which is a scalar and addressable, from text. Its error is a
// sentence about the value that does not quote it: it may be a secret.
func SetText(v reflect.Value, text string) error {
	words, _ := wanted(v)
	refused := errors.New("must be " + words)
	if u, ok := v.Addr().Interface().(encoding.TextUnmarshaler); ok {
		if err := u.UnmarshalText([]byte(text)); err != nil {
			return errors.New("is not valid: " + err.Error())
		}
		return nil
	}
	if v.Type() == reflect.TypeFor[time.Duration]() {
		d, err := Duration(text)
		v.SetInt(int64(d))
		return err
	}
	switch {
	case v.Kind() == reflect.String:
		v.SetString(text)
	case v.Kind() == reflect.Bool:
		if text != "true" && text != "false" {
			return refused
		}
		v.SetBool(text == "true")
	case v.CanInt():
		n, err := strconv.ParseInt(text, 10, v.Type().Bits())
		if err != nil {
			return refused
		}
		v.SetInt(n)
	case v.CanFloat():
		f, err := strconv.ParseFloat(text, 64)
		if err != nil || f != f { //nolint:gocritic // f != f is true for NaN alone
			return refused
		}
		v.SetFloat(f)
	default:
		return errors.New("cannot be read from text")
	}
	return nil
}

var duration = regexp.MustCompile(`^([0-9]{1,9})(ms|s|m|h|d)$`)

// Duration reads a whole number with one of the units ms, s, m, h and d.
func Duration(text string) (time.Duration, error) {
	refused := errors.New("must be a duration such as 30s, 15m, 8h or 90d")
	parts := duration.FindStringSubmatch(text)
	if parts == nil {
		return 0, refused
	}
	n, err := strconv.ParseInt(parts[1], 10, 64)
	if err != nil {
		return 0, refused
	}
	unit := map[string]time.Duration{
		"ms": time.Millisecond, "s": time.Second, "m": time.Minute, "h": time.Hour, "d": 24 * time.Hour,
	}[parts[2]]
	if d := time.Duration(n) * unit; d/unit == time.Duration(n) {
		return d, nil
	}
	return 0, refused
}
