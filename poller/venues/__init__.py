"""Where prices come from: a package or a module for each exchange, a simulator, recordings; ``registry`` knows them."""
