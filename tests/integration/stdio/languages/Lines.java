class Lines {
    public static void main(String[] arguments) {
        System.out.println("out");
        System.err.println("err");
        System.exit(10);
    }
}
