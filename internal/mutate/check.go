package main

import (
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"path/filepath"
)

// A checker tells which mutants compile, without compiling.
type checker struct {
	fset     *token.FileSet
	imports  types.Importer
	packages map[string]*checked
}

// checked is a package's own code.
type checked struct {
	files map[string]*ast.File
	types map[[2]int]map[string]types.Type // by the offsets of an expression in a file
	named string
}

func newChecker(exports map[string]string) *checker {
	fset := token.NewFileSet()
	open := func(path string) (io.ReadCloser, error) { return os.Open(exports[path]) }
	return &checker{fset, importer.ForCompiler(fset, "gc", open), map[string]*checked{}}
}

// add reads a package.
func (c *checker) add(p *listed) error {
	own := &checked{files: map[string]*ast.File{}, types: map[[2]int]map[string]types.Type{}}
	for _, name := range p.GoFiles {
		file := filepath.Join(p.Dir, name)
		parsed, err := parser.ParseFile(c.fset, file, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		own.files[file], own.named = parsed, parsed.Name.Name
	}
	c.packages[p.ImportPath] = own
	info := &types.Info{Types: map[ast.Expr]types.TypeAndValue{}}
	if err := c.check(p.ImportPath, own.files, info); err != nil {
		return err
	}
	for expression, found := range info.Types {
		start, end := c.fset.Position(expression.Pos()), c.fset.Position(expression.End())
		place := [2]int{start.Offset, end.Offset}
		if own.types[place] == nil {
			own.types[place] = map[string]types.Type{}
		}
		own.types[place][start.Filename] = found.Type
	}
	return nil
}

func (c *checker) check(path string, files map[string]*ast.File, info *types.Info) error {
	list := make([]*ast.File, 0, len(files)+1)
	for _, file := range files {
		list = append(list, file)
	}
	helper, err := parser.ParseFile(c.fset, "helper.go", helperOf(c.packages[path].named), parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	config := types.Config{Importer: c.imports}
	_, err = config.Check(path, c.fset, append(list, helper), info)
	return err
}

// compiles tells whether a package does, with another source of one of its files.
func (c *checker) compiles(path, file string, source []byte) bool {
	parsed, err := parser.ParseFile(c.fset, file, source, parser.SkipObjectResolution)
	if err != nil {
		return false
	}
	files := map[string]*ast.File{}
	for name, other := range c.packages[path].files {
		files[name] = other
	}
	files[file] = parsed
	return c.check(path, files, nil) == nil
}

// typeOf is the type of what m wraps, as m's file would write it.
func (c *checker) typeOf(m mutant) string {
	found := c.packages[m.pkg].types[[2]int{m.wrapping.start, m.wrapping.end}][m.file]
	if found == nil {
		return "nothing"
	}
	return types.TypeString(found, func(p *types.Package) string {
		if p.Path() == m.pkg {
			return ""
		}
		return p.Name()
	})
}
