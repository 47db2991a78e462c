package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"runtime"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"
)

// plan tells the baseline process what to do; it is handed over as a file.
type plan struct {
	Addr  string
	DSN   string
	Pages map[string]page // by name, served at /pipeline/{name}
}

type page struct {
	Statements []statement
	Size       int // bytes of the answer
}

// runBaseline serves the least that can be done with the same tools: Fiber with pgx and nothing of ours.
func runBaseline(ctx context.Context, file string) error {
	b, err := os.ReadFile(file) //nolint:gosec // Written by the bench.
	if err != nil {
		return err
	}
	var p plan
	if err := json.Unmarshal(b, &p); err != nil {
		return err
	}
	cfg, err := pgxpool.ParseConfig(p.DSN)
	if err != nil {
		return err
	}
	cfg.MaxConns = int32(min(5*runtime.NumCPU(), 64)) //nolint:gosec // At most 64; as many as the portal's.
	cfg.ConnConfig.RuntimeParams["timezone"] = "UTC"
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return err
	}
	defer pool.Close()
	app := fiber.New(fiber.Config{DisableStartupMessage: true})
	app.Get("/hello", func(c *fiber.Ctx) error { return c.SendString("Hello, World!") })
	app.Get("/key", func(c *fiber.Ctx) error {
		var name, slug string
		if err := pool.QueryRow(c.Context(), `SELECT name, slug FROM organizations WHERE org_id = $1`, uid(narrowOrg, orgClass, 0)).Scan(&name, &slug); err != nil {
			return err
		}
		return c.SendString(name + " " + slug)
	})
	app.Post("/insert", func(c *fiber.Ctx) error {
		if _, err := pool.Exec(c.Context(), `INSERT INTO bench_completions (org_id, membership_id, item_org, item_id, lesson_key, version, at) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
			uid(learnersOrg, orgClass, 0), uuid.New(), uid(vendorOrg, orgClass, 0), uid(vendorOrg, itemClass, pathItem), "lesson-1", 1, time.Now()); err != nil {
			return err
		}
		return c.Redirect("/", fiber.StatusSeeOther)
	})
	for name, pg := range p.Pages {
		body := make([]byte, pg.Size)
		for i := range body {
			body[i] = "<p>Text of the same size.</p>\n"[i%30]
		}
		app.Get("/pipeline/"+name, func(c *fiber.Ctx) error {
			conn, err := pool.Acquire(c.Context())
			if err != nil {
				return err
			}
			defer conn.Release()
			if err := send(c.Context(), conn.Conn(), pg.Statements); err != nil {
				return err
			}
			c.Set(fiber.HeaderContentType, "text/html; charset=utf-8")
			return c.Send(body)
		})
	}
	ln, err := (&net.ListenConfig{}).Listen(ctx, "tcp", p.Addr)
	if err != nil {
		return err
	}
	go func() {
		<-ctx.Done()
		_ = app.ShutdownWithTimeout(time.Second)
	}()
	return app.Listener(ln)
}

// send sends the statements with the very parameters that were taken down, in one pipeline, and reads every value into a Go
// value of its type. JSON is read as text: what it means is not the baseline's business.
func send(ctx context.Context, conn *pgx.Conn, list []statement) error {
	batch := &pgconn.Batch{}
	prepared := make([]*pgconn.StatementDescription, len(list))
	for i, s := range list {
		// The statement cache of the connection is pgx's own: prepared once, found again by its text.
		sd, err := conn.Prepare(ctx, s.SQL, s.SQL)
		if err != nil {
			return err
		}
		prepared[i] = sd
		formats := make([]int16, len(sd.Fields))
		for j, f := range sd.Fields {
			formats[j] = conn.TypeMap().FormatCodeForOID(f.DataTypeOID)
		}
		batch.ExecPrepared(sd.Name, s.Params, s.Formats, formats)
	}
	res := conn.PgConn().ExecBatch(ctx, batch)
	for i := 0; res.NextResult(); i++ {
		r := res.ResultReader()
		for r.NextRow() {
			for j, raw := range r.Values() {
				if err := read(conn.TypeMap(), r.FieldDescriptions()[j], raw); err != nil {
					return fmt.Errorf("%w in %s", err, prepared[i].SQL)
				}
			}
		}
	}
	return res.Close()
}

func read(m *pgtype.Map, f pgconn.FieldDescription, raw []byte) error {
	if raw == nil {
		return nil
	}
	switch f.DataTypeOID {
	case pgtype.UUIDOID:
		var v [16]byte
		return m.Scan(f.DataTypeOID, f.Format, raw, &v)
	case pgtype.Int2OID, pgtype.Int4OID, pgtype.Int8OID:
		var v int64
		return m.Scan(f.DataTypeOID, f.Format, raw, &v)
	case pgtype.BoolOID:
		var v bool
		return m.Scan(f.DataTypeOID, f.Format, raw, &v)
	case pgtype.TimestamptzOID:
		var v time.Time
		return m.Scan(f.DataTypeOID, f.Format, raw, &v)
	case pgtype.Float4OID, pgtype.Float8OID:
		var v float64
		return m.Scan(f.DataTypeOID, f.Format, raw, &v)
	case pgtype.TextArrayOID:
		var v []string
		return m.Scan(f.DataTypeOID, f.Format, raw, &v)
	case pgtype.TextOID, pgtype.VarcharOID, pgtype.JSONBOID, pgtype.JSONOID:
		var v string
		return m.Scan(f.DataTypeOID, f.Format, raw, &v)
	}
	_ = string(raw)
	return nil
}
