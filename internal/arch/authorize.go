package arch

import (
	"fmt"
	"go/ast"
	"slices"
	"strings"
)

// authzPath is the package whose Check every service method calls first.
const authzPath = Module + "/internal/authz"

// lifecycle are the methods that start, feed or end a service and act for nobody.
var lifecycle = []string{"Listen", "Run", "Close"}

// Unauthorized returns the exported methods of types named Service in the rooms whose first parameter is a context and whose
// first statement does not ask who may: `if err := authz.Check(ctx, …); err != nil { return … }`, or one return statement that
// hands the same context to another exported method of the same service that does. The keys are "room.Method", the values say
// where and what is missing.
func Unauthorized(files []File) map[string]string {
	type method struct {
		file File
		fn   *ast.FuncDecl
	}
	methods := map[string]method{}
	for _, f := range files {
		if f.IsTest() || !slices.Contains(rooms, f.Dir()) {
			continue
		}
		for _, d := range f.Syntax.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok || receiver(fn) != "Service" || !fn.Name.IsExported() || slices.Contains(lifecycle, fn.Name.Name) || contextName(f, fn) == "" {
				continue
			}
			methods[f.Dir()+"."+fn.Name.Name] = method{f, fn}
		}
	}
	bad := map[string]string{}
	for key, m := range methods {
		seen := map[string]bool{}
		at, next := m, key
		for !checksFirst(at.file, at.fn) {
			seen[next] = true
			to := delegates(at.file, at.fn)
			name := at.file.Dir() + "." + to
			if _, ok := methods[name]; to == "" || !ok || seen[name] {
				bad[key] = fmt.Sprintf("%s: (%s).%s does not begin with authz.Check", m.file.Lines.Position(m.fn.Pos()), m.file.Dir(), m.fn.Name.Name)
				break
			}
			at, next = methods[name], name
		}
	}
	return bad
}

// ServiceMethods returns how many exported methods with a context the services of the rooms have.
func ServiceMethods(files []File) int {
	n := 0
	for _, f := range files {
		if f.IsTest() || !slices.Contains(rooms, f.Dir()) {
			continue
		}
		for _, d := range f.Syntax.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && receiver(fn) == "Service" && fn.Name.IsExported() && contextName(f, fn) != "" {
				n++
			}
		}
	}
	return n
}

func receiver(fn *ast.FuncDecl) string {
	if fn.Recv == nil || len(fn.Recv.List) != 1 {
		return ""
	}
	t := fn.Recv.List[0].Type
	if p, ok := t.(*ast.StarExpr); ok {
		t = p.X
	}
	if i, ok := t.(*ast.Ident); ok {
		return i.Name
	}
	return ""
}

// contextName is the name of the first parameter if it is a context, "_" included; "" otherwise.
func contextName(f File, fn *ast.FuncDecl) string {
	if len(fn.Type.Params.List) == 0 {
		return ""
	}
	p := fn.Type.Params.List[0]
	if !selects(f, p.Type, "context", "Context") {
		return ""
	}
	if len(p.Names) == 0 {
		return "_"
	}
	return p.Names[0].Name
}

// selects reports whether e is the name of the package at pkgPath, also when it is imported under another name.
func selects(f File, e ast.Expr, pkgPath, name string) bool {
	sel, ok := e.(*ast.SelectorExpr)
	if !ok || sel.Sel.Name != name {
		return false
	}
	x, ok := sel.X.(*ast.Ident)
	if !ok {
		return false
	}
	for _, i := range f.Syntax.Imports {
		if strings.Trim(i.Path.Value, `"`) != pkgPath {
			continue
		}
		if i.Name != nil {
			return i.Name.Name == x.Name
		}
		return x.Name == pkgPath[strings.LastIndex(pkgPath, "/")+1:]
	}
	return false
}

// checksFirst reports whether the body begins with `if err := authz.Check(ctx, …); err != nil { … return … }`.
func checksFirst(f File, fn *ast.FuncDecl) bool {
	if fn.Body == nil || len(fn.Body.List) == 0 {
		return false
	}
	st, ok := fn.Body.List[0].(*ast.IfStmt)
	if !ok || st.Init == nil || st.Else != nil {
		return false
	}
	asg, ok := st.Init.(*ast.AssignStmt)
	if !ok || len(asg.Lhs) != 1 || len(asg.Rhs) != 1 {
		return false
	}
	err, ok := asg.Lhs[0].(*ast.Ident)
	if !ok {
		return false
	}
	call, ok := asg.Rhs[0].(*ast.CallExpr)
	if !ok || !selects(f, call.Fun, authzPath, "Check") || len(call.Args) != 3 || !isIdent(call.Args[0], contextName(f, fn)) {
		return false
	}
	// The action is named, not computed.
	if a, ok := call.Args[1].(*ast.SelectorExpr); !ok || !isPackage(f, a.X, authzPath) {
		return false
	}
	cond, ok := st.Cond.(*ast.BinaryExpr)
	if !ok || cond.Op.String() != "!=" || !isIdent(cond.X, err.Name) || !isIdent(cond.Y, "nil") {
		return false
	}
	if len(st.Body.List) == 0 {
		return false
	}
	ret, ok := st.Body.List[len(st.Body.List)-1].(*ast.ReturnStmt)
	// What is returned last is the error itself.
	return ok && len(ret.Results) > 0 && isIdent(ret.Results[len(ret.Results)-1], err.Name)
}

func isPackage(f File, e ast.Expr, pkgPath string) bool {
	x, ok := e.(*ast.Ident)
	return ok && selects(f, &ast.SelectorExpr{X: x, Sel: ast.NewIdent("_")}, pkgPath, "_")
}

func isIdent(e ast.Expr, name string) bool {
	i, ok := e.(*ast.Ident)
	return ok && i.Name == name
}

// delegates returns the method that a body of one return statement hands its own context to, "" if it does more.
func delegates(f File, fn *ast.FuncDecl) string {
	if fn.Body == nil || len(fn.Body.List) != 1 || len(fn.Recv.List[0].Names) != 1 {
		return ""
	}
	ret, ok := fn.Body.List[0].(*ast.ReturnStmt)
	if !ok || len(ret.Results) != 1 {
		return ""
	}
	call, ok := ret.Results[0].(*ast.CallExpr)
	if !ok || len(call.Args) == 0 || !isIdent(call.Args[0], contextName(f, fn)) {
		return ""
	}
	sel, ok := call.Fun.(*ast.SelectorExpr)
	if !ok || !isIdent(sel.X, fn.Recv.List[0].Names[0].Name) || !sel.Sel.IsExported() {
		return ""
	}
	return sel.Sel.Name
}
