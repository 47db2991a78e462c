package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/learnscape/learnscape/internal/db"
)

// runMigrate brings the schema up to date. With --bootstrap it first makes the roles and extensions as a superuser, with the
// passwords that the two connection strings name; with --partitions it only adds the months that the activity stream needs.
func runMigrate(ctx context.Context, e *env, args []string) error {
	var bootstrap, partitions bool
	if _, err := e.flags("migrate", args, func(fs *flag.FlagSet) {
		fs.BoolVar(&bootstrap, "bootstrap", false, "")
		fs.BoolVar(&partitions, "partitions", false, "")
	}); err != nil {
		return err
	}
	need := []string{"LEARNSCAPE_OWNER_DATABASE_URL"}
	if bootstrap {
		need = append(need, "LEARNSCAPE_BOOTSTRAP_DATABASE_URL", "LEARNSCAPE_DATABASE_URL")
	}
	cfg, err := load(e.getenv, need...)
	if err != nil {
		return err
	}
	owner := cfg.OwnerURL.Reveal()
	if bootstrap {
		if err := db.Bootstrap(ctx, cfg.BootstrapURL.Reveal(), password(owner), password(cfg.DatabaseURL.Reveal())); err != nil {
			return err
		}
		e.printf("roles and extensions are there\n")
	}
	if !partitions {
		n, err := db.Migrate(ctx, owner)
		if err != nil {
			return err
		}
		e.printf("%d migrations applied\n", n)
	}
	now := time.Now().UTC()
	if err := db.Partitions(ctx, owner, now.AddDate(-1, 0, 0), now); err != nil {
		return err
	}
	e.printf("the activity stream has a partition for every month until %s\n", now.AddDate(0, 24, 0).Format("January 2006"))
	return nil
}

func password(dsn string) string {
	cfg, err := pgx.ParseConfig(dsn)
	if err != nil {
		return ""
	}
	return cfg.Password
}

// refuseOlder says what to do about a schema that this release does not know.
func refuseOlder(ctx context.Context, d *db.DB) error {
	n, err := d.Behind(ctx)
	if err != nil {
		return err
	}
	if n > 0 {
		return fmt.Errorf("the database lacks %d migrations: %w", n, errors.New("run `learnscape migrate` as its owner first"))
	}
	return nil
}
