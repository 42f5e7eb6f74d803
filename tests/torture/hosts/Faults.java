import java.lang.reflect.Field;

/** JVM: null checks and stack overflows by SIGSEGV, an hs_err file and SIGABRT for a fault that is none of its own. */
public class Faults {
    static class Node {
        int value;
        Node next;
    }

    static int depth;

    static int valueOf(Node node) {
        return node.value;
    }

    static void recurse() {
        depth++;
        recurse();
    }

    static int nullChecks(int n) {
        int caught = 0;
        Node node = new Node();
        for (int i = 0; i < n; i++) {
            try {
                caught += valueOf(i % 2 == 0 ? null : node);
            } catch (NullPointerException e) {
                caught++;
            }
        }
        return caught;
    }

    static void overflow() {
        try {
            recurse();
        } catch (StackOverflowError e) {
            System.out.println("overflow " + (depth > 1000));
        }
    }

    static void inThreads(Runnable what) throws InterruptedException {
        Thread[] threads = new Thread[4];
        for (int i = 0; i < threads.length; i++)
            (threads[i] = new Thread(what)).start();
        for (Thread thread : threads)
            thread.join();
    }

    static void writeNowhere() throws Exception {
        Field field = sun.misc.Unsafe.class.getDeclaredField("theUnsafe");
        field.setAccessible(true);
        ((sun.misc.Unsafe) field.get(null)).putInt(8L, 1);
    }

    public static void main(String[] arguments) throws Exception {
        String deed = arguments.length > 0 ? arguments[0] : "";
        System.out.println("begins " + deed);
        switch (deed) {
            case "null_checks":
                System.out.println("caught " + nullChecks(40000));
                inThreads(() -> nullChecks(20000));
                break;
            case "overflow":
                overflow();
                inThreads(() -> overflow());
                break;
            case "unsafe":
                writeNowhere();
                break;
            case "unsafe_in_thread":
                inThreads(() -> {
                    try {
                        writeNowhere();
                    } catch (Exception e) {
                        System.out.println(e);
                    }
                });
                break;
            case "halt":
                Runtime.getRuntime().halt(3);
                break;
        }
        System.out.println("ends");
    }
}
