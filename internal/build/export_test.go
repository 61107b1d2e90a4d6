package build

// Of is Read for another program than the running one.
var Of = of
