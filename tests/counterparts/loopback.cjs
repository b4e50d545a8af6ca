// Preloaded into servers that listen on every address: sends them to the loopback one.
const { Server } = require('node:net');

const listen = Server.prototype.listen;
Server.prototype.listen = function (first, ...rest) {
  if (first !== null && typeof first === 'object') {
    return listen.call(this, { ...first, host: '127.0.0.1' }, ...rest);
  }
  const host = typeof rest[0] === 'string' ? [] : ['127.0.0.1'];
  return listen.call(this, first, ...host, ...rest);
};
