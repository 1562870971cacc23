import com.sun.net.httpserver.HttpServer;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Executors;

/** HTTP servers with one planted bottleneck each: Server.java BOTTLENECK. Prints the port. */
public class Server {
    /** What a request does. */
    interface Work {
        void run() throws InterruptedException;
    }

    private static final List<Object> LIVE = new ArrayList<>();
    private static int fresh;

    private static void sleep() throws InterruptedException {
        Thread.sleep(20);
    }

    private static synchronized void lockAcrossWork() throws InterruptedException {
        Thread.sleep(5);
    }

    /** Replaces a part of what lives, so that the old generation fills up again and again. */
    private static void smallHeap() {
        List<byte[]> part = new ArrayList<>();
        for (int number = 0; number < 500; number++) {
            part.add(new byte[200]);
        }
        synchronized (LIVE) {
            LIVE.set(fresh, part);
            fresh = (fresh + 1) % LIVE.size();
        }
    }

    private static Work work(String name) {
        return switch (name) {
            case "small-pool" -> Server::sleep;
            case "lock-across-work" -> Server::lockAcrossWork;
            case "small-heap" -> Server::smallHeap;
            default -> throw new IllegalArgumentException(name);
        };
    }

    public static void main(String[] arguments) throws Exception {
        String name = arguments[0];
        Work work = work(name);
        if (name.equals("small-heap")) {
            for (int number = 0; number < 130; number++) {
                LIVE.add(null);
            }
            for (int number = 0; number < 130; number++) {
                smallHeap();
            }
        }
        byte[] body = "ok".getBytes();
        HttpServer server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 1024);
        server.createContext("/", exchange -> {
            try {
                work.run();
            } catch (InterruptedException stopped) {
                return;
            }
            exchange.sendResponseHeaders(200, body.length);
            exchange.getResponseBody().write(body);
            exchange.close();
        });
        server.setExecutor(Executors.newFixedThreadPool(name.equals("small-pool") ? 4 : 64));
        server.start();
        System.out.println(server.getAddress().getPort());
    }
}
