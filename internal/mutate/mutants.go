package main

import (
	_ "embed"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
)

// A mutant is the code with one change.
type mutant struct {
	pkg, file string
	line      int
	name      string // file: function: old => new
	source    []byte // of the whole file
}

func (m mutant) String() string { return fmt.Sprintf("line %d of %s", m.line, m.name) }

//go:embed equivalent.txt
var equivalentText string

// equivalent returns the names in equivalent.txt, whose other lines say why.
func equivalent() map[string]bool {
	names := map[string]bool{}
	for line := range strings.Lines(equivalentText) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
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
				if !names[m.name] {
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
	f.insert(body.List[0].Pos(), "if true { return "+strings.Join(results, ", ")+" }; ")
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
		switch text := f.text(result); text {
		case "nil", "false", "0", `""`:
		default:
			f.replace(result, zeros[i])
		}
	}
}

func (f *finder) statement(n ast.Stmt) {
	switch n := n.(type) {
	case *ast.ExprStmt:
		if call, ok := n.X.(*ast.CallExpr); ok {
			f.replace(n, f.named(call))
		}
	case *ast.DeferStmt:
		f.replace(n, f.named(n.Call))
	case *ast.GoStmt:
		f.replace(n, f.named(n.Call))
	case *ast.SendStmt, *ast.IncDecStmt:
		f.replace(n, "{}")
	case *ast.AssignStmt:
		if n.Tok != token.DEFINE && !isBlank(n.Lhs) {
			f.replace(n, strings.Repeat("_, ", len(n.Lhs)-1)+"_ = "+f.texts(n.Rhs))
		}
	case *ast.IfStmt:
		f.condition(n.Cond)
	case *ast.ForStmt:
		if n.Cond != nil {
			f.replace(n.Cond, "("+f.text(n.Cond)+") && false")
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
			f.replace(n, "{}")
		}
	}
}

func (f *finder) condition(n ast.Expr) {
	f.replace(n, "("+f.text(n)+") && false")
	f.replace(n, "("+f.text(n)+") || true")
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
			f.change(n.OpPos, n.OpPos+token.Pos(len(n.Op.String())), other.String(), f.text(n))
		}
	case *ast.UnaryExpr:
		if n.Op == token.NOT {
			f.replace(n, f.text(n.X))
		}
	case *ast.BasicLit:
		if n.Kind == token.INT {
			f.replace(n, "("+n.Value+" + 1)")
		}
	case *ast.Ident:
		switch n.Name {
		case "true":
			f.replace(n, "false")
		case "false":
			f.replace(n, "true")
		}
	}
}

func (f *finder) text(n ast.Node) string {
	return string(f.source[f.offset(n.Pos()):f.offset(n.End())])
}

func (f *finder) texts(list []ast.Expr) string {
	return string(f.source[f.offset(list[0].Pos()):f.offset(list[len(list)-1].End())])
}

func (f *finder) offset(p token.Pos) int { return f.fset.Position(p).Offset }

func (f *finder) replace(n ast.Node, text string)  { f.change(n.Pos(), n.End(), text, "") }
func (f *finder) insert(at token.Pos, text string) { f.change(at, at, text, "") }

// change notes a mutant. Its name shows the old text, or, where that tells too little, the context.
func (f *finder) change(from, to token.Pos, text, context string) {
	start, end := f.offset(from), f.offset(to)
	old := string(f.source[start:end])
	name := fmt.Sprintf("%s: %s: %s => %s", f.name, f.function, oneLine(old), oneLine(text))
	if context != "" {
		name += " in " + oneLine(context)
	}
	source := make([]byte, 0, len(f.source)+len(text))
	source = append(append(append(source, f.source[:start]...), text...), f.source[end:]...)
	f.found = append(f.found, mutant{pkg: f.pkg, file: f.file, line: f.fset.Position(from).Line, name: strings.TrimSpace(name), source: source})
}

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }
