import io.netty.bootstrap.Bootstrap;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.ChannelPipeline;
import io.netty.channel.SimpleChannelInboundHandler;
import io.netty.channel.nio.NioEventLoopGroup;
import io.netty.channel.socket.SocketChannel;
import io.netty.channel.socket.nio.NioSocketChannel;
import io.netty.handler.codec.http.DefaultHttpHeaders;
import io.netty.handler.codec.http.FullHttpResponse;
import io.netty.handler.codec.http.HttpClientCodec;
import io.netty.handler.codec.http.HttpObjectAggregator;
import io.netty.handler.codec.http.websocketx.CloseWebSocketFrame;
import io.netty.handler.codec.http.websocketx.TextWebSocketFrame;
import io.netty.handler.codec.http.websocketx.WebSocketClientHandshaker;
import io.netty.handler.codec.http.websocketx.WebSocketClientHandshakerFactory;
import io.netty.handler.codec.http.websocketx.WebSocketVersion;
import io.netty.handler.codec.http.websocketx.extensions.compression.WebSocketClientCompressionHandler;
import java.net.URI;

/** A client made with Netty's stock handlers; tests/foreign/__init__.py says what it does. */
public final class Client extends SimpleChannelInboundHandler<Object> {
    private final WebSocketClientHandshaker handshaker;
    private final String[] arguments;
    private int batches = 0;
    private static volatile int status = 1;

    private Client(WebSocketClientHandshaker handshaker, String[] arguments) {
        this.handshaker = handshaker;
        this.arguments = arguments;
    }

    @Override
    public void channelActive(ChannelHandlerContext context) {
        handshaker.handshake(context.channel());
    }

    @Override
    protected void channelRead0(ChannelHandlerContext context, Object message) {
        Channel channel = context.channel();
        if (message instanceof FullHttpResponse response) {
            String extensions = response.headers().get("Sec-WebSocket-Extensions");
            System.out.println("{\"extensions\":\"" + (extensions == null ? "" : extensions) + "\"}");
            handshaker.finishHandshake(channel, response);
            for (int number = 2; number < arguments.length; number++) {
                channel.writeAndFlush(new TextWebSocketFrame(arguments[number]));
            }
        } else if (message instanceof TextWebSocketFrame frame) {
            System.out.println(frame.text());
            if (frame.text().startsWith("{\"type\":\"ticks\"") && ++batches == 3) {
                status = 0;
                channel.writeAndFlush(new CloseWebSocketFrame(1000, ""));
            }
        }
    }

    @Override
    public void exceptionCaught(ChannelHandlerContext context, Throwable cause) {
        cause.printStackTrace();
        status = 1;
        context.close();
    }

    public static void main(String[] arguments) throws Exception {
        URI uri = URI.create(arguments[0]);
        NioEventLoopGroup group = new NioEventLoopGroup(1);
        try {
            WebSocketClientHandshaker handshaker = WebSocketClientHandshakerFactory.newHandshaker(
                    uri, WebSocketVersion.V13, null, arguments[1].equals("deflate"), new DefaultHttpHeaders(), 1 << 20);
            Bootstrap bootstrap = new Bootstrap().group(group).channel(NioSocketChannel.class)
                    .handler(new ChannelInitializer<SocketChannel>() {
                        @Override
                        protected void initChannel(SocketChannel channel) {
                            ChannelPipeline pipeline = channel.pipeline();
                            pipeline.addLast(new HttpClientCodec(), new HttpObjectAggregator(1 << 16));
                            if (arguments[1].equals("deflate")) {
                                pipeline.addLast(WebSocketClientCompressionHandler.INSTANCE);
                            }
                            pipeline.addLast(new Client(handshaker, arguments));
                        }
                    });
            bootstrap.connect(uri.getHost(), uri.getPort()).sync().channel().closeFuture().sync();
        } finally {
            group.shutdownGracefully().sync();
        }
        System.exit(status);
    }
}
