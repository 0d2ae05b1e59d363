package token

import (
	"encoding/json"
	"errors"
	"strings"
	"time"
)

// audience reads aud: a string, or a list of exactly one (RFC 7519, section
// 4.1.3). The broker never mints a token for two.
type audience string

var errAudience = errors.New("aud must name one audience")

// UnmarshalJSON implements json.Unmarshaler.
func (a *audience) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '"' {
		return json.Unmarshal(b, (*string)(a)) //nolint:wrapcheck // the caller wraps
	}
	var list []string
	if err := json.Unmarshal(b, &list); err != nil || len(list) != 1 {
		return errAudience
	}
	*a = audience(list[0])
	return nil
}

// accessClaims is the payload of an access token.
type accessClaims struct {
	Issuer     string   `json:"iss"`
	Subject    string   `json:"sub"`
	Audience   audience `json:"aud"`
	Client     string   `json:"client_id"`
	ID         string   `json:"jti"`
	Issued     int64    `json:"iat"`
	Expires    int64    `json:"exp"`
	Scope      string   `json:"scope"`
	Roles      []string `json:"roles"`
	AuthTime   int64    `json:"auth_time"`
	ACR        string   `json:"acr"`
	AMR        []string `json:"amr"`
	Session    string   `json:"sid"`
	Connection string   `json:"cnx"`
	App        string   `json:"app"`
	Grant      string   `json:"gnt"`
	Rev        uint64   `json:"rev"`
	Era        string   `json:"era"`
	Act        *act     `json:"act"`
	MayAct     act      `json:"may_act"`
	ActorGrant string   `json:"agt"`
	Via        []Link   `json:"via"`
}

// act is an actor, and on whose behalf it acts (RFC 8693, section 4.1).
type act struct {
	Subject string `json:"sub"`
	Act     *act   `json:"act"`
}

// actors lists them, the outermost first.
func (a *act) actors() (all []string) {
	for ; a != nil; a = a.Act {
		all = append(all, a.Subject)
	}
	return all
}

// access turns the claims into an Access. The subject is a person only when a
// connection vouches for them: a client that is called like a person's id is not
// that person.
func (c *accessClaims) access(kid string) Access {
	a := Access{
		ID: c.ID, Issuer: c.Issuer, Subject: c.Subject, Audience: string(c.Audience), Client: c.Client,
		Scopes: strings.Fields(c.Scope), Roles: c.Roles, Issued: seconds(c.Issued), Expires: seconds(c.Expires),
		AuthTime: seconds(c.AuthTime), ACR: c.ACR, AMR: c.AMR, Session: c.Session, Connection: c.Connection,
		App: c.App, Grant: c.Grant, Key: kid, Rev: c.Rev, Era: c.Era,
		Actors: c.Act.actors(), MayAct: c.MayAct.Subject, ActorGrant: c.ActorGrant, Via: c.Via,
	}
	if c.Connection != "" {
		a.Person = c.Subject
	}
	return a
}

// idClaims is the payload of an id_token, but for the profile.
type idClaims struct {
	Issuer     string   `json:"iss"`
	Subject    string   `json:"sub"`
	Audience   audience `json:"aud"`
	Party      string   `json:"azp"`
	Nonce      string   `json:"nonce"`
	Issued     int64    `json:"iat"`
	Expires    int64    `json:"exp"`
	AuthTime   int64    `json:"auth_time"`
	ACR        string   `json:"acr"`
	AMR        []string `json:"amr"`
	Session    string   `json:"sid"`
	Connection string   `json:"cnx"`
	App        string   `json:"app"`
	Grant      string   `json:"gnt"`
	Rev        uint64   `json:"rev"`
	Era        string   `json:"era"`
}

func (c *idClaims) id(kid string) ID {
	return ID{
		Issuer: c.Issuer, Subject: c.Subject, Audience: string(c.Audience), AuthorizedParty: c.Party, Nonce: c.Nonce,
		Issued: seconds(c.Issued), Expires: seconds(c.Expires), AuthTime: seconds(c.AuthTime),
		ACR: c.ACR, AMR: c.AMR, Session: c.Session, Connection: c.Connection, App: c.App, Grant: c.Grant, Key: kid, Rev: c.Rev, Era: c.Era,
	}
}

func seconds(t int64) time.Time {
	if t == 0 {
		return time.Time{}
	}
	return time.Unix(t, 0).UTC()
}
