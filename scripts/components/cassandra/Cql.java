package org.apache.cassandra.service;

/** Cassandra with CQL alone: the package that has its jars has no classes of Thrift, which the daemon would start as well. */
public class Cql extends CassandraDaemon {
  private NativeTransportService cql;

  @Override
  public void initializeClientTransports() {
    cql = new NativeTransportService();
  }

  @Override
  public void start() {
    cql.start();
  }

  @Override
  public boolean isNativeTransportRunning() {
    return cql != null && cql.isRunning();
  }

  public static void main(String[] arguments) {
    Cql daemon = new Cql();
    daemon.applyConfig();
    daemon.setup();
    daemon.start();
    System.err.println("serving CQL");
  }
}
