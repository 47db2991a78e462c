// Package web is the shell around the rooms: the server with its middleware, the mounting of every room's pages, the pages
// that show several rooms (home, landing, errors), assets, brand stylesheets and health.
//
// It owns no data. Rooms never call it; cmd does.
package web
