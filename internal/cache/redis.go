package cache

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"github.com/gatehouse-io/gatehouse/internal/fault"
)

// Bounds of one exchange with Redis: a sign-in rather pauses than hangs.
const (
	redisDial    = 2 * time.Second
	redisTimeout = time.Second
)

// RedisOptions are what a Redis needs. All fields are required but Born.
type RedisOptions struct {
	// URL is redis://, rediss:// or unix://, and may hold a password.
	URL string
	// Prefix begins the name of every key and channel.
	Prefix string
	// Born is when an empty Redis begins to remember: the zero time when nothing
	// can have been seen before, as on a new database.
	Born time.Time
	Now  func() time.Time
	Log  *slog.Logger
}

// Redis is a cache that several replicas share.
//
// A Redis that restarts, or whose replica takes over, may have lost its last
// writes without knowing. Every new connection therefore compares the server's
// run id with the one that the memory was begun under, and begins it anew when
// they differ: what was issued before is then refused by First.
type Redis struct {
	client *redis.Client
	prefix string
	now    func() time.Time
	log    *slog.Logger
	born   atomic.Pointer[time.Time] // for the first connection only
}

// OpenRedis connects. It fails when the server does not answer or may drop keys
// before their time: a forgotten jti could be replayed.
func OpenRedis(ctx context.Context, o RedisOptions) (*Redis, error) {
	options, err := redis.ParseURL(o.URL)
	if err != nil {
		return nil, errors.New("redis: the URL is not valid") // the cause may quote a password
	}
	r := &Redis{prefix: o.Prefix, now: o.Now, log: o.Log}
	r.born.Store(&o.Born)
	options.DialTimeout, options.ReadTimeout, options.WriteTimeout = redisDial, redisTimeout, redisTimeout
	options.ContextTimeoutEnabled, options.MaxRetries, options.DisableIdentity = true, 1, true
	options.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	options.OnConnect = r.begin
	r.client = redis.NewClient(options)
	if err := r.keepsAll(ctx); err != nil {
		return nil, errors.Join(err, r.client.Close())
	}
	return r, nil
}

// Close ends every connection.
func (r *Redis) Close() error { return r.client.Close() }

// keepsAll refuses a server that evicts keys when its memory is full.
func (r *Redis) keepsAll(ctx context.Context) error {
	info, err := r.client.Info(ctx, "memory").Result()
	if err != nil {
		return fmt.Errorf("redis: %w", err)
	}
	policy := infoField(info, "maxmemory_policy")
	if infoField(info, "maxmemory") != "0" && policy != "noeviction" {
		return fmt.Errorf("redis: its maxmemory-policy is %s; it must be noeviction, since a forgotten token id could be replayed", policy)
	}
	return nil
}

// infoField returns the value of one line of INFO.
func infoField(info, name string) string {
	for line := range strings.Lines(info) {
		if value, ok := strings.CutPrefix(line, name+":"); ok {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// beginScript begins the memory under a run id, unless it was already.
var beginScript = redis.NewScript(`
if redis.call('HGET', KEYS[1], 'run') == ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], 'run', ARGV[1], 'born', ARGV[2])
return 1`)

// begin is called for every new connection before it is used.
func (r *Redis) begin(ctx context.Context, c *redis.Conn) error {
	info, err := c.Info(ctx, "server").Result()
	if err != nil {
		return err
	}
	born := r.now()
	if first := r.born.Swap(nil); first != nil {
		born = *first
	}
	fresh, err := beginScript.Run(ctx, c, []string{r.life()}, infoField(info, "run_id"), born.UnixMicro()).Bool()
	if err != nil && !errors.Is(err, redis.Nil) {
		return err
	}
	if fresh {
		r.log.InfoContext(ctx, "short-term memory begins", slog.Time("born", born))
	}
	return nil
}

// life is the key of when the memory was born.
func (r *Redis) life() string { return r.prefix + "life" }

// key names a value. The caller's part is hashed: it may be long, or secret.
func (r *Redis) key(p Purpose, key string) string {
	sum := sha256.Sum256([]byte(key))
	return r.prefix + string(p) + ":" + base64.RawURLEncoding.EncodeToString(sum[:])
}

// millis is what is left of a life time: at least the shortest that Redis knows.
func millis(ttl time.Duration) time.Duration { return max(ttl, time.Millisecond) }

func redisTrouble(err error) error {
	return fault.Wrap(err, ErrUnavailable.Kind, ErrUnavailable.Code, "%s", ErrUnavailable.Detail)
}

// Put implements Cache.
func (r *Redis) Put(ctx context.Context, p Purpose, key string, value []byte, ttl time.Duration) error {
	if err := r.client.Set(ctx, r.key(p, key), value, millis(ttl)).Err(); err != nil {
		return redisTrouble(err)
	}
	return nil
}

// Get implements Cache.
func (r *Redis) Get(ctx context.Context, p Purpose, key string) ([]byte, bool, error) {
	return found(r.client.Get(ctx, r.key(p, key)))
}

// Take implements Cache.
func (r *Redis) Take(ctx context.Context, p Purpose, key string) ([]byte, bool, error) {
	return found(r.client.GetDel(ctx, r.key(p, key)))
}

func found(c *redis.StringCmd) ([]byte, bool, error) {
	value, err := c.Bytes()
	switch {
	case errors.Is(err, redis.Nil):
		return nil, false, nil
	case err != nil:
		return nil, false, redisTrouble(err)
	}
	return value, true, nil
}

var swapScript = redis.NewScript(`
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return 1`)

// Swap implements Cache.
func (r *Redis) Swap(ctx context.Context, p Purpose, key string, old, value []byte, ttl time.Duration) (bool, error) {
	swapped, err := swapScript.Run(ctx, r.client, []string{r.key(p, key)}, old, value, millis(ttl).Milliseconds()).Bool()
	if err != nil {
		return false, redisTrouble(err)
	}
	return swapped, nil
}

// Delete implements Cache.
func (r *Redis) Delete(ctx context.Context, p Purpose, key string) error {
	if err := r.client.Del(ctx, r.key(p, key)).Err(); err != nil {
		return redisTrouble(err)
	}
	return nil
}

// firstScript answers -1 for what may have been seen before the memory began, 1
// for what is new and 0 for what was seen. A memory without a birth was lost.
var firstScript = redis.NewScript(`
local born = tonumber(redis.call('HGET', KEYS[1], 'born'))
if not born then
  born = tonumber(ARGV[1])
  redis.call('HSET', KEYS[1], 'born', ARGV[1])
end
if tonumber(ARGV[2]) < born + tonumber(ARGV[3]) then return -1 end
if redis.call('SET', KEYS[2], '', 'NX', 'PX', ARGV[4]) then return 1 end
return 0`)

// First implements Once.
func (r *Redis) First(ctx context.Context, p Purpose, key string, issued, expires time.Time) (bool, error) {
	now := r.now()
	answer, err := firstScript.Run(ctx, r.client, []string{r.life(), r.key(p, key)},
		now.UnixMicro(), issued.UnixMicro(), Skew.Microseconds(), millis(expires.Sub(now)).Milliseconds()).Int()
	switch {
	case err != nil:
		return false, redisTrouble(err)
	case answer < 0:
		return false, ErrReplayUnknown
	}
	return answer == 1, nil
}

// paceScript goes by the server's clock, in microseconds, which replicas share.
var paceScript = redis.NewScript(`
local t = redis.call('TIME')
local now = t[1] * 1000000 + t[2]
local free = math.max(tonumber(redis.call('GET', KEYS[1])) or now, now) + ARGV[1]
local wait = free - now - ARGV[1] * ARGV[2]
if wait > 0 then return wait end
redis.call('SET', KEYS[1], string.format('%.0f', free), 'PX', math.ceil((free - now) / 1000))
return 0`)

// Pace implements Pacer.
func (r *Redis) Pace(ctx context.Context, p Purpose, key string, rate Rate) (time.Duration, error) {
	wait, err := paceScript.Run(ctx, r.client, []string{r.key(p, key)}, rate.Every.Microseconds(), rate.Burst).Int64()
	if err != nil {
		return 0, redisTrouble(err)
	}
	return time.Duration(wait) * time.Microsecond, nil
}

// Publish implements Bus.
func (r *Redis) Publish(ctx context.Context, topic string, message []byte) error {
	if err := r.client.Publish(ctx, r.prefix+"bus:"+topic, message).Err(); err != nil {
		return redisTrouble(err)
	}
	return nil
}

// Subscribe implements Bus. A connection that breaks is made again; what was
// published meanwhile is lost.
func (r *Redis) Subscribe(ctx context.Context, topic string, receive func([]byte)) error {
	subscription := r.client.Subscribe(ctx, r.prefix+"bus:"+topic)
	if _, err := subscription.Receive(ctx); err != nil {
		return errors.Join(redisTrouble(err), subscription.Close())
	}
	messages := subscription.Channel()
	context.AfterFunc(ctx, func() { _ = subscription.Close() }) // which closes messages
	go func() {
		for m := range messages {
			receive([]byte(m.Payload))
		}
	}()
	return nil
}
