// Makes a server that would listen everywhere listen on the loopback alone. For `node --require`.
const net = require('net');
const listen = net.Server.prototype.listen;
net.Server.prototype.listen = function (...given) {
  if (/^\d+$/.test(String(given[0])) && typeof given[1] !== 'string') given.splice(1, 0, '127.0.0.1');
  return listen.apply(this, given);
};
