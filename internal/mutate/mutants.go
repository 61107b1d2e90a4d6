package main

import (
	_ "embed"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// A mutant is the code with one change.
type mutant struct {
	pkg, file string
	place     int // among the mutants of the file
	line      int
	name      string // file: function: old => new
	number    int    // of the places of that name, the first being 1
	source    []byte // of the whole file
	wrapping  wrapping
}

// A wrapping makes the change one that can be switched on while the program runs: it stands around the old code, in which
// other changes may be. NUMBER and TYPE are to be filled in: the mutant's, and that of the expression between start and end.
type wrapping struct {
	start, end    int
	before, after string
}

func (m mutant) String() string {
	if m.number == 1 {
		return fmt.Sprintf("line %d of %s", m.line, m.name)
	}
	return fmt.Sprintf("line %d of %s", m.line, m.numbered())
}

// numbered is the name of this place alone.
func (m mutant) numbered() string { return fmt.Sprintf("%s (%d)", m.name, m.number) }

//go:embed equivalent.txt
var equivalentText string

// equivalent returns the names in equivalent.txt, whose other lines say why. A name stands for all places that have it, or,
// with a number, for one of them.
func equivalent() map[string]bool {
	names := map[string]bool{}
	for line := range strings.Lines(equivalentText) {
		if line = oneLine(line); line != "" && !strings.HasPrefix(line, "#") {
			names[line] = true
		}
	}
	return names
}

// mutants returns all that equivalent.txt doesn't name.
func (t *tree) mutants() ([]mutant, error) {
	names := equivalent()
	var all []mutant
	for _, p := range t.packages {
		for _, file := range p.GoFiles {
			found, err := mutantsOf(t.root, p.ImportPath, filepath.Join(p.Dir, file))
			if err != nil {
				return nil, err
			}
			for _, m := range found {
				if !names[m.name] && !names[m.numbered()] {
					all = append(all, m)
				}
			}
		}
	}
	return all, nil
}

func mutantsOf(root, pkg, file string) ([]mutant, error) {
	source, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	fset := token.NewFileSet()
	parsed, err := parser.ParseFile(fset, file, source, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	name, err := filepath.Rel(root, file)
	if err != nil {
		return nil, err
	}
	f := &finder{pkg: pkg, file: file, name: filepath.ToSlash(name), source: source, fset: fset}
	for _, declaration := range parsed.Decls {
		if function, ok := declaration.(*ast.FuncDecl); ok && function.Body != nil {
			f.function = functionName(function)
			f.body(function.Type, function.Body)
		}
	}
	return f.found, nil
}

func functionName(function *ast.FuncDecl) string {
	if function.Recv == nil {
		return function.Name.Name
	}
	receiver := function.Recv.List[0].Type
	for {
		switch typed := receiver.(type) {
		case *ast.StarExpr:
			receiver = typed.X
			continue
		case *ast.IndexExpr:
			receiver = typed.X
			continue
		case *ast.Ident:
			return typed.Name + "." + function.Name.Name
		}
		return function.Name.Name
	}
}

// A finder finds the changes of a file. They are made so that most of them compile: what is no longer computed is still named.
type finder struct {
	pkg, file, name, function string
	source                    []byte
	fset                      *token.FileSet
	found                     []mutant
}

// body changes a function's body: it returns at once; and each of its statements.
func (f *finder) body(signature *ast.FuncType, body *ast.BlockStmt) {
	if len(body.List) == 0 {
		return
	}
	results := f.results(signature)
	begin, leave := body.List[0].Pos(), "return "+strings.Join(results, ", ")+" }; "
	f.change(edit{from: begin, to: begin, text: "if true { " + leave, before: "if theMutant(NUMBER) { " + leave})
	ast.Inspect(body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncLit:
			f.body(n.Type, n.Body)
			return false
		case *ast.ReturnStmt:
			f.returned(n, results)
		case ast.Stmt:
			f.statement(n)
		case ast.Expr:
			f.expression(n)
		}
		return true
	})
}

// results are zero values of what a function returns.
func (f *finder) results(signature *ast.FuncType) []string {
	var zeros []string
	if signature.Results == nil {
		return nil
	}
	for _, field := range signature.Results.List {
		for range max(len(field.Names), 1) {
			zeros = append(zeros, "*new("+f.text(field.Type)+")")
		}
	}
	return zeros
}

// returned returns zero values instead of what is computed.
func (f *finder) returned(n *ast.ReturnStmt, zeros []string) {
	if len(n.Results) != len(zeros) {
		return
	}
	for i, result := range n.Results {
		typed := strings.TrimSuffix(strings.TrimPrefix(zeros[i], "*new("), ")")
		switch text := f.text(result); text {
		case "nil", "false", "0", `""`, typed + "{}":
		default:
			f.expressionTo(result, zeros[i], typed)
		}
	}
}

func (f *finder) statement(n ast.Stmt) {
	switch n := n.(type) {
	case *ast.ExprStmt:
		if call, ok := n.X.(*ast.CallExpr); ok {
			f.statementTo(n, f.named(call))
		}
	case *ast.DeferStmt:
		f.statementTo(n, f.named(n.Call))
	case *ast.GoStmt:
		f.statementTo(n, f.named(n.Call))
	case *ast.SendStmt, *ast.IncDecStmt:
		f.statementTo(n, "{}")
	case *ast.AssignStmt:
		if n.Tok != token.DEFINE && !isBlank(n.Lhs) {
			f.statementTo(n, strings.Repeat("_, ", len(n.Lhs)-1)+"_ = "+f.texts(n.Rhs))
		}
	case *ast.IfStmt:
		f.condition(n.Cond)
	case *ast.ForStmt:
		if n.Cond != nil {
			f.never(n.Cond)
		}
	case *ast.SwitchStmt:
		if n.Tag == nil {
			for _, clause := range n.Body.List {
				for _, condition := range clause.(*ast.CaseClause).List {
					f.condition(condition)
				}
			}
		}
	case *ast.BranchStmt:
		if n.Label == nil && n.Tok == token.CONTINUE {
			f.statementTo(n, "{}")
		}
	}
}

func (f *finder) condition(n ast.Expr) {
	f.never(n)
	f.always(n)
}

func (f *finder) never(n ast.Expr) {
	f.change(edit{from: n.Pos(), to: n.End(), text: "(" + f.text(n) + ") && false", before: "((", after: ") && !theMutant(NUMBER))"})
}

func (f *finder) always(n ast.Expr) {
	f.change(edit{from: n.Pos(), to: n.End(), text: "(" + f.text(n) + ") || true", before: "((", after: ") || theMutant(NUMBER))"})
}

func isBlank(list []ast.Expr) bool {
	for _, n := range list {
		if name, ok := n.(*ast.Ident); !ok || name.Name != "_" {
			return false
		}
	}
	return true
}

// named uses what a call does, without calling.
func (f *finder) named(call *ast.CallExpr) string {
	var used []string
	if selector, ok := call.Fun.(*ast.SelectorExpr); ok {
		used = append(used, f.text(selector))
	}
	for _, argument := range call.Args {
		if text := f.text(argument); text != "nil" && !call.Ellipsis.IsValid() {
			used = append(used, text)
		}
	}
	if len(used) == 0 {
		return "{}"
	}
	return strings.Repeat("_, ", len(used)-1) + "_ = " + strings.Join(used, ", ")
}

var others = map[token.Token]token.Token{
	token.LSS: token.LEQ, token.LEQ: token.LSS, token.GTR: token.GEQ, token.GEQ: token.GTR,
	token.EQL: token.NEQ, token.NEQ: token.EQL, token.LAND: token.LOR, token.LOR: token.LAND,
	token.ADD: token.SUB, token.SUB: token.ADD, token.MUL: token.QUO, token.QUO: token.MUL,
	token.AND: token.OR, token.OR: token.AND, token.SHL: token.SHR, token.SHR: token.SHL,
}

func (f *finder) expression(n ast.Expr) {
	switch n := n.(type) {
	case *ast.BinaryExpr:
		if other, ok := others[n.Op]; ok {
			f.operator(n, other)
		}
	case *ast.UnaryExpr:
		if n.Op == token.NOT {
			f.inverted(n, f.text(n.X))
		}
	case *ast.BasicLit:
		if n.Kind == token.INT {
			f.expressionTo(n, "("+n.Value+" + 1)", "TYPE")
		}
	case *ast.Ident:
		switch n.Name {
		case "true":
			f.inverted(n, "false")
		case "false":
			f.inverted(n, "true")
		}
	}
}

func (f *finder) operator(n *ast.BinaryExpr, other token.Token) {
	end := n.OpPos + token.Pos(len(n.Op.String()))
	mutated := string(f.source[f.offset(n.Pos()):f.offset(n.OpPos)]) + other.String() + string(f.source[f.offset(end):f.offset(n.End())])
	e := edit{from: n.OpPos, to: end, text: other.String(), context: n, before: evaluating(mutated, "TYPE"), after: " }()"}
	switch n.Op {
	case token.LSS, token.LEQ, token.GTR, token.GEQ, token.EQL, token.NEQ, token.LAND, token.LOR:
		e.before, e.after = "(theMutant(NUMBER) && ("+mutated+") || !theMutant(NUMBER) && (", "))"
	}
	f.change(e)
}

// inverted is for a boolean that becomes its opposite.
func (f *finder) inverted(n ast.Expr, text string) {
	f.change(edit{from: n.Pos(), to: n.End(), text: text, before: "((", after: ") != theMutant(NUMBER))"})
}

func (f *finder) expressionTo(n ast.Expr, text, typed string) {
	f.change(edit{from: n.Pos(), to: n.End(), text: text, before: evaluating(text, typed), after: " }()"})
}

func evaluating(mutated, typed string) string {
	return "func() " + typed + " { if theMutant(NUMBER) { return " + mutated + " }; return "
}

func (f *finder) statementTo(n ast.Stmt, text string) {
	f.change(edit{from: n.Pos(), to: n.End(), text: text, before: "if theMutant(NUMBER) { " + text + " } else { ", after: " }"})
}

func (f *finder) text(n ast.Node) string {
	return string(f.source[f.offset(n.Pos()):f.offset(n.End())])
}

func (f *finder) texts(list []ast.Expr) string {
	return string(f.source[f.offset(list[0].Pos()):f.offset(list[len(list)-1].End())])
}

func (f *finder) offset(p token.Pos) int { return f.fset.Position(p).Offset }

// An edit puts text between from and to. Where the old text tells too little, the context is shown, too, and wrapped.
type edit struct {
	from, to      token.Pos
	text          string
	context       ast.Node
	before, after string
}

// change notes a mutant.
func (f *finder) change(e edit) {
	start, end := f.offset(e.from), f.offset(e.to)
	wrapped := wrapping{start, end, e.before, e.after}
	old := string(f.source[start:end])
	name := fmt.Sprintf("%s: %s: %s => %s", f.name, f.function, oneLine(old), oneLine(e.text))
	if e.context != nil {
		name += " in " + oneLine(f.text(e.context))
		wrapped.start, wrapped.end = f.offset(e.context.Pos()), f.offset(e.context.End())
	}
	name = oneLine(name)
	number := 1
	for _, m := range f.found {
		if m.name == name {
			number++
		}
	}
	f.found = append(f.found, mutant{
		pkg: f.pkg, file: f.file, place: len(f.found), line: f.fset.Position(e.from).Line, name: name, number: number,
		source: slices.Concat(f.source[:start], []byte(e.text), f.source[end:]), wrapping: wrapped,
	})
}

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }
