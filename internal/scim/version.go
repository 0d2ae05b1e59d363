package scim

import (
	"strconv"
	"strings"

	"github.com/gatehouse-io/gatehouse/internal/directory/record"
)

// version is a resource's entity tag: a weak one, since what answers leave out of it
// differs (RFC 7644, section 3.14).
func version(n int64) string { return `W/"` + strconv.FormatInt(n, 10) + `"` }

// tags reads If-Match or If-None-Match (RFC 9110, section 13.1). Any is true for "*".
// What is no tag of ours matches nothing.
func tags(header string) (versions []int64, anyOf bool, err error) {
	if header == "" {
		return nil, false, nil
	}
	for tag := range strings.SplitSeq(header, ",") {
		tag = strings.TrimSpace(tag)
		if tag == "*" {
			return nil, true, nil
		}
		quoted := strings.TrimPrefix(tag, "W/")
		if len(quoted) < 2 || quoted[0] != '"' || quoted[len(quoted)-1] != '"' {
			return nil, false, errHeader
		}
		n, err := strconv.ParseInt(quoted[1:len(quoted)-1], 10, 64)
		if err != nil || n <= 0 {
			n = -1
		}
		versions = append(versions, n)
	}
	return versions, false, nil
}

// want is the version that a change is of. With several in If-Match, the current one has
// to be among them: current returns it.
func (c *call) want(current func() (int64, error)) (record.Match, error) {
	versions, anyOf, err := tags(c.match)
	switch {
	case err != nil:
		return 0, err
	case anyOf || c.match == "":
		return 0, nil
	case len(versions) == 1:
		return record.Match(versions[0]), nil
	}
	is, err := current()
	if err != nil {
		return 0, err
	}
	for _, v := range versions {
		if v == is {
			return record.Match(v), nil
		}
	}
	return 0, errVersion
}

// unchanged reports whether the client has this version already (RFC 9110, section
// 13.1.2).
func (c *call) unchanged(is int64) (bool, error) {
	versions, anyOf, err := tags(c.noneMatch)
	if err != nil || anyOf {
		return anyOf, err
	}
	for _, v := range versions {
		if v == is {
			return true, nil
		}
	}
	return false, nil
}
