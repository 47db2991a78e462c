// Package arch guards the shape of the house: which package may import which, which library stands where, and that no
// exported service method forgets to ask who may. It owns checks over parsed source and nothing that runs in the product;
// tests call it. Each rule is proven by planted violations, because a rule that never fired may be dead.
package arch
