package oidc

import (
	"maps"
	"net/http"
	"net/url"

	"github.com/gatehouse-io/gatehouse/internal/httpx"
)

// parameters returns what a browser brings: the form of a POST, or else the query.
func parameters(r *http.Request) (url.Values, error) {
	if r.Method == http.MethodPost {
		return formOf(r)
	}
	values, err := httpx.Query(r)
	return omitEmpty(values), err
}

// formOf returns the form of a POST.
func formOf(r *http.Request) (url.Values, error) {
	values, err := httpx.Form(r)
	return omitEmpty(values), err
}

// omitEmpty takes out the parameters without a value: they count as omitted (RFC
// 6749, sections 3.1 and 3.2).
func omitEmpty(values url.Values) url.Values {
	maps.DeleteFunc(values, func(_ string, v []string) bool { return v[0] == "" })
	return values
}
