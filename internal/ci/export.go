package ci

import "crypto/rand"

// Export returns the text by which a step gives a variable to the steps that follow, see [System.ExportFile]. Nothing in
// value can end or change it. It doesn't mask anything: that comes first, by [System.Mask].
func (s *System) Export(name, value string) string { return s.export(name, value) }

// githubBlock has a delimiter that nobody knew when value was made.
// https://docs.github.com/actions/reference/workflows-and-actions/workflow-commands#multiline-strings
func githubBlock(name, value string) string {
	delimiter := "azoidc_" + rand.Text()
	return name + "<<" + delimiter + "\n" + value + "\n" + delimiter + "\n"
}

// pipelinesVariable makes no secret of the variable as such: secret variables aren't put into the environment of the steps
// that follow, but only where a step maps them. What is to be masked in it is by its value.
// https://learn.microsoft.com/azure/devops/pipelines/scripts/logging-commands#setvariable-initialize-or-modify-the-value-of-a-variable
func pipelinesVariable(name, value string) string {
	return "##vso[task.setvariable variable=" + pipelinesData.Replace(name) + "]" + pipelinesData.Replace(value) + "\n"
}
