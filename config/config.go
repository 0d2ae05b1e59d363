// Package config is the broker's configuration: plain data, read from one YAML
// file and the environment, and checked as a whole before anything starts.
//
// Every scalar can be set from the environment: the variable is GATEHOUSE_ and
// the upper-case path joined by underscores (database.dsn is
// GATEHOUSE_DATABASE_DSN); lists of scalars are separated by commas; a field of a
// connection is named by the connection's id (GATEHOUSE_CONNECTIONS_ACME_CLIENT_SECRET).
// The environment wins over the file. A secret may also be read from a file: the
// field or variable of that name with _file or _FILE added.
//
// Unknown keys and variables are refused, and every fault is reported at once
// with its place. The package translates nothing: internal/app turns a Config
// into each package's own Options.
package config

import (
	_ "embed" // for the sample
	"net/netip"
	"slices"
	"time"
)

// Config is the whole configuration. Load fills in the defaults named here.
type Config struct {
	// Issuer is the public URL of the broker: https, or http on loopback. It has
	// no trailing slash. A path makes the broker live below that prefix.
	Issuer string `yaml:"issuer"`
	// Listen is the host:port that people and apps reach. Default 127.0.0.1:8080.
	Listen string `yaml:"listen"`
	// DataDir holds the SQLite database, the Unix socket and the lock of this
	// process. Default "gatehouse-data" beside the configuration file.
	DataDir string `yaml:"data_dir"`
	// Socket is the Unix socket of the management API. Default broker.sock in DataDir.
	Socket   string   `yaml:"socket"`
	Database Database `yaml:"database"`
	// Redis shares short-term memory between replicas. An empty URL keeps it in
	// this process, which is right for one replica only.
	Redis Redis `yaml:"redis"`
	// EncryptionKey encrypts what must be recoverable, such as signing keys: 32
	// random bytes in base64. Required; `broker init` makes one.
	EncryptionKey     Secret `yaml:"encryption_key"`
	EncryptionKeyFile string `yaml:"encryption_key_file"`
	// PreviousEncryptionKeys still open what was encrypted under them; their file
	// has one per line.
	PreviousEncryptionKeys     []Secret `yaml:"previous_encryption_keys"`
	PreviousEncryptionKeysFile string   `yaml:"previous_encryption_keys_file"`
	// TrustedProxies may say who the client is (X-Forwarded-For). Default none.
	TrustedProxies []netip.Prefix `yaml:"trusted_proxies"`
	Outgoing       Outgoing       `yaml:"outgoing"`
	Log            Log            `yaml:"log"`
	Metrics        Metrics        `yaml:"metrics"`
	Tracing        Tracing        `yaml:"tracing"`
	Session        Session        `yaml:"session"`
	Shutdown       Shutdown       `yaml:"shutdown"`
	Limits         Limits         `yaml:"limits"`
	SignInTraces   SignInTraces   `yaml:"sign_in_traces"`
	Revocation     Revocation     `yaml:"revocation"`
	Audit          Audit          `yaml:"audit"`
	Keys           Keys           `yaml:"keys"`
	Policy         Policy         `yaml:"policy"`
	Apps           Apps           `yaml:"apps"`
	Admin          Admin          `yaml:"admin"`
	Product        Product        `yaml:"product"`
	// Connections are the identity providers that people sign in with.
	Connections []Connection `yaml:"connections"`
	// Mappings give upstream groups the names that manifests use. They are added
	// at start; what was mapped otherwise meanwhile stays.
	Mappings []Mapping `yaml:"mappings"`
}

// Database says where facts are kept.
type Database struct {
	// Driver is sqlite (default; a file in DataDir) or postgres.
	Driver string `yaml:"driver"`
	// DSN is the connection string of postgres. It may hold a password.
	DSN     Secret `yaml:"dsn"`
	DSNFile string `yaml:"dsn_file"`
}

// The values of Database.Driver.
const (
	SQLite   = "sqlite"
	Postgres = "postgres"
)

// Redis says where short-term memory is shared.
type Redis struct {
	// URL is redis://, rediss:// (TLS) or unix://. It may hold a password.
	URL     Secret `yaml:"url"`
	URLFile string `yaml:"url_file"`
	// Prefix begins every key, so that two brokers can share a server. Default "gatehouse:".
	Prefix string `yaml:"prefix"`
}

// Outgoing bounds every request that the broker makes to somebody else.
type Outgoing struct {
	// AllowNetworks may be reached although they are private, link-local or
	// loopback. Default none.
	AllowNetworks []netip.Prefix `yaml:"allow_networks"`
	// Timeout of one request. Default 10s.
	Timeout time.Duration `yaml:"timeout"`
	// MaxBytes of one answer. Default 1 MiB.
	MaxBytes int64 `yaml:"max_bytes"`
}

// Log says what is logged: lines of JSON, on standard error in any case.
type Log struct {
	// Level is debug, info (default), warn or error.
	Level string `yaml:"level"`
	// File also gets the lines.
	File File `yaml:"file"`
	// Syslog also gets the lines. It never holds up a request: while the server is
	// slow or gone, lines are dropped and counted.
	Syslog Syslog `yaml:"syslog"`
}

// File is a file that lines are added to.
type File struct {
	// Path is where it is; empty means none.
	Path string `yaml:"path"`
	// MaxBytes is how large it grows before it is put aside under the time; 0 means
	// as large as it gets, for who rotates it by other means: a file that was moved
	// away is begun anew. Default 100 MiB.
	MaxBytes int64 `yaml:"max_bytes"`
	// Keep is how many of those put aside stay; 0 means all.
	Keep int `yaml:"keep"`
}

// Syslog is a syslog server (RFC 5424).
type Syslog struct {
	// Address is unix:///path, udp://host:port, tcp://host:port or tls://host:port;
	// empty means none.
	Address string `yaml:"address"`
	// Facility is user, daemon, auth, authpriv, audit or local0 to local7.
	Facility string `yaml:"facility"`
	// CA is a file of PEM certificates that vouch for a tls server; empty means the
	// system's.
	CA string `yaml:"ca"`
}

// Metrics says who may read /metrics.
type Metrics struct {
	// Allow lists the networks of scrapers. Default loopback.
	Allow []netip.Prefix `yaml:"allow"`
}

// Tracing says where traces go.
type Tracing struct {
	// Endpoint is the URL of an OTLP/HTTP collector; empty means no traces.
	Endpoint string `yaml:"endpoint"`
	// Ratio of requests that are traced, 0 to 1. Default 1.
	Ratio float64 `yaml:"ratio"`
}

// Session bounds browser sessions.
type Session struct {
	// Idle is how long a session lives without use. Default 8h.
	Idle time.Duration `yaml:"idle"`
	// Absolute is how long it lives at most. Default 24h.
	Absolute time.Duration `yaml:"absolute"`
}

// Limits bound how often something may be done within a minute: so many times at
// once, and as many evenly over every minute after; 0 means any number. What is over
// a limit is answered with 429 and Retry-After. Replicas count together; one that
// cannot reach Redis counts alone.
type Limits struct {
	// ClientFailures are failed proofs of one client from one address: who guesses
	// elsewhere locks nobody out. Default 200.
	ClientFailures int64 `yaml:"client_failures"`
	// AddressFailures are failed proofs of any clients and API tokens from one
	// address. Default 1000.
	AddressFailures int64 `yaml:"address_failures"`
	// SignIns are sign-ins begun from one address, which may be that of a whole
	// company. Default 3000.
	SignIns int64 `yaml:"sign_ins"`
	// Person is how often one person may enter apps. Default 300.
	Person int64 `yaml:"person"`
	// Client bounds the requests of one client that proved itself, to the token,
	// introspection and revocation endpoints. Default 0, since its apps' load is the
	// company's own; each request costs a look into Redis with several replicas.
	Client int64 `yaml:"client"`
	// Address bounds the requests of one address to those endpoints, userinfo,
	// authorization and the management API. Default 0, since an address may be that
	// of a proxy.
	Address int64 `yaml:"address"`
	// APIToken bounds the requests of one API token. Default 30000.
	APIToken int64 `yaml:"api_token"`
	// SCIM bounds the requests of one connection's SCIM clients. Default 120000.
	SCIM int64 `yaml:"scim"`
	// Follower bounds how often one API asks one replica for what was revoked. Each of its
	// own replicas asks every two seconds, and more often while there is something to
	// tell. Default 6000.
	Follower int64 `yaml:"follower"`
}

// Audit tunes the audit log, and says where it is exported to: every sealed entry,
// in order and at least once, and after each batch its signed seal.
type Audit struct {
	// Window is how long the commit of issued tokens' entries waits at most for those
	// who were answered a moment ago and come again; a token is answered when its entry
	// is durable, and one that is asked for alone never waits. Default 5ms.
	Window time.Duration `yaml:"window"`
	// File gets the entries as lines of JSON. With several replicas it is on the
	// machine of the one that exports at the time: use a shared folder, or syslog.
	File File `yaml:"file"`
	// Syslog gets them as messages. What is under way when a server goes is lost:
	// no transport of syslog tells that a message was kept.
	Syslog Syslog `yaml:"syslog"`
}

// Revocation bounds how far a replica may be behind.
type Revocation struct {
	// Staleness is how long a replica that cannot read the sequence goes on
	// accepting tokens. Default 5s.
	Staleness time.Duration `yaml:"staleness"`
}

// Keys says how signing keys are rotated.
type Keys struct {
	// RotateEvery is the life of a signing key. Default 90d.
	RotateEvery time.Duration `yaml:"rotate_every"`
	// Lead is how long a key is published before it signs: at least as long as
	// anybody caches the JWKS. Default 1h.
	Lead time.Duration `yaml:"lead"`
	// Overlap is how long a key stays published after it signed last: at least
	// the longest life of a token. Default 2h.
	Overlap time.Duration `yaml:"overlap"`
	// SAMLRotateEvery is the life of a key that signs SAML messages. Default 730d.
	SAMLRotateEvery time.Duration `yaml:"saml_rotate_every"`
	// SAMLLead is how long the certificate of the next SAML key is in the metadata
	// before the key signs: as long as the apps may take to read it, or their teams
	// to copy it. Default 30d.
	SAMLLead time.Duration `yaml:"saml_lead"`
}

// Shutdown says how a broker that is told to stop goes.
type Shutdown struct {
	// Delay is how long it says on /readyz that it is going, and serves all the
	// same, before it takes no more connections: longer than a load balancer needs
	// to notice. Default none, which is right without one.
	Delay time.Duration `yaml:"delay"`
}

// Policy holds decisions of the company about apps.
type Policy struct {
	// ThirdParty names the apps that need the person's consent.
	ThirdParty []string `yaml:"third_party"`
}

// Apps says which manifests are applied at start.
type Apps struct {
	// Folder has one microapp.yaml per subfolder. Empty means none.
	Folder string `yaml:"folder"`
}

// Admin names the groups whose members have a role, by the names that Mappings
// give. Roles can also be given to single people: `broker role`.
type Admin struct {
	Admins            []string `yaml:"admins"`
	SecurityReviewers []string `yaml:"security_reviewers"`
	Approvers         []string `yaml:"approvers"`
	// AppOwners may change the apps whose owner's team is a group of theirs.
	AppOwners []string `yaml:"app_owners"`
	Auditors  []string `yaml:"auditors"`
	// FourEyes names the operations of the management API (operationId) that wait
	// until a second person approves them. Default none.
	FourEyes []string `yaml:"four_eyes"`
}

// SignInTraces say what is kept of sign-ins that failed, to find out why, and of tests
// of connections.
type SignInTraces struct {
	// Keep is for how long, from 1 hour to 90 days. Default 7 days.
	Keep time.Duration `yaml:"keep"`
}

// Connection is one upstream identity provider.
type Connection struct {
	// ID is lower-case letters, digits and hyphens. It is part of the redirect
	// URI and of every person's key: it never changes.
	ID string `yaml:"id"`
	// Title is shown on the sign-in page.
	Title string `yaml:"title"`
	// Type is oidc (default) or saml; or scim, for one that pushes people and groups and
	// that nobody signs in over, which takes none of the fields of the others.
	Type string `yaml:"type"`
	// Issuer is exactly what the provider's metadata says: the entity id, for SAML.
	Issuer           string `yaml:"issuer"`
	ClientID         string `yaml:"client_id"`
	ClientSecret     Secret `yaml:"client_secret"`
	ClientSecretFile string `yaml:"client_secret_file"`
	// Scopes asked for. Default openid, profile, email.
	Scopes []string `yaml:"scopes"`
	// Domains are the e-mail domains that the provider has proved: only their
	// addresses count as verified, and they choose the connection.
	Domains []string `yaml:"domains"`
	// Algorithms that an id_token may be signed with. Default RS256, ES256, EdDSA, PS256.
	Algorithms []string `yaml:"algorithms"`
	// UserInfo also asks the userinfo endpoint.
	UserInfo bool `yaml:"userinfo"`
	// AllowedTenants are the tid values accepted from a multi-tenant issuer, one
	// whose Issuer contains {tenantid}.
	AllowedTenants []string `yaml:"allowed_tenants"`
	// Claims are CEL expressions by target field; unset fields have defaults.
	Claims map[string]string `yaml:"claims"`
	// Groups says where the person's upstream groups are.
	Groups Groups `yaml:"groups"`
	// Exchange says which tokens or assertions of this provider apps may bring to act for
	// whom they are about (RFC 8693). None, unless told.
	Exchange Exchange `yaml:"exchange"`
	// SAML is for Type saml, which takes none of the fields of OpenID Connect:
	// client_id, client_secret, scopes, algorithms, userinfo, allowed_tenants.
	SAML SAML `yaml:"saml"`
	// SCIM says what the connection may do that pushes people and groups.
	SCIM SCIM `yaml:"scim"`
}

// The values of Connection.Type.
const (
	TypeOIDC = "oidc"
	TypeSAML = "saml"
	TypeSCIM = "scim"
)

// SAML is what a SAML connection has beside others. Of Metadata, MetadataFile and
// MetadataURL one is required.
type SAML struct {
	// EntityID is the broker's own at this identity provider. Default is the address of
	// its metadata, <issuer>/login/saml/<id>/metadata.
	EntityID string `yaml:"entity_id"`
	// MetadataURL is where the identity provider publishes its metadata.
	MetadataURL string `yaml:"metadata_url"`
	// MetadataFile is a file with it, which is read again as often as an address.
	MetadataFile string `yaml:"metadata_file"`
	// Metadata is the document itself.
	Metadata string `yaml:"metadata"`
	// MetadataCertificates are PEM certificates, one of which must have signed the
	// metadata. Without any, https vouches for it.
	MetadataCertificates     string `yaml:"metadata_certificates"`
	MetadataCertificatesFile string `yaml:"metadata_certificates_file"`
	// Refresh is how often the metadata is read again. Default 1h.
	Refresh time.Duration `yaml:"refresh"`
	// MaxAge is how long it is used while it cannot be read. Default 7d.
	MaxAge time.Duration `yaml:"max_age"`
	// Signed is what must be signed: assertion (default), response, or both.
	Signed string `yaml:"signed"`
	// Encrypted refuses assertions that are not encrypted.
	Encrypted bool `yaml:"encrypted"`
	// Binding is how requests are sent: redirect (default) or post, where the
	// identity provider offers it.
	Binding string `yaml:"binding"`
	// NameIDFormat is how people are named: persistent, email, transient, unspecified
	// (default, which accepts any, and takes a name in two formats for two people) or
	// the URI of another.
	NameIDFormat string `yaml:"name_id_format"`
	// Subject is an attribute that never changes and that nobody edits, by its name, as
	// the person's key instead of the NameID. It is required for transient ones.
	Subject string `yaml:"subject"`
	// Attributes say which attribute a claim is taken from, the first that is there, by
	// name or friendly name: {email: [mail]}. Common names need none.
	Attributes map[string][]string `yaml:"attributes"`
	// AuthnContexts are the authentication context classes that are asked for and
	// accepted. Default any.
	AuthnContexts []string `yaml:"authn_contexts"`
	// IDPInitiated lets the identity provider begin sign-ins. Whoever has an account
	// there can then sign somebody else's browser in as themselves.
	IDPInitiated bool `yaml:"idp_initiated"`
	// Skew is how far its clock may be off. Default 1m.
	Skew time.Duration `yaml:"skew"`
}

// Groups says which claim lists a person's groups.
type Groups struct {
	// Claim is a list of strings in the id_token or userinfo. Default "groups".
	Claim string `yaml:"claim"`
}

// Mapping gives an upstream group a name.
type Mapping struct {
	Connection string `yaml:"connection"`
	Group      string `yaml:"group"` // the group's id upstream
	Name       string `yaml:"name"`  // the name that manifests use
}

//go:embed broker.yaml
var sample []byte

// Sample returns a configuration file that explains itself: with an encryption
// key beside it, it starts a broker on loopback.
func Sample() []byte { return slices.Clone(sample) }
